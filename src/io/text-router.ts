/**
 * Text frames: one command each, turned into a native one that runs the same way, its reply turned
 * back. Every frame takes its place in the connection's lane, whoever answers it.
 */
import { ByteSpace } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import {
  NativeCommand,
  TOKEN_NIL,
  TOKEN_RAW,
  TOKEN_SHORT,
  TOKEN_WRONG,
} from '../protocol/native-frame.js';
import { decodeTextFrame, tooLargeTextReply, type TextCommand } from '../protocol/text-dialect.js';
import { TOKEN_BYTES } from '../protocol/token.js';
import type { Connection } from './connection.js';
import { CLOSE_TRY_AGAIN_LATER } from './outgoing.js';
import type { Router } from './router.js';
import { LANE_REPLIES_MAX, TextLane, TextRequest } from './text-lane.js';
import type { Traffic } from './traffic.js';

/** Of an oversized frame, only so much is looked at: enough for an id and a name. */
const PREFIX_BYTES = 256;

const COMMANDS_MALFORMED = IO_COUNTER_INDEX.commandsMalformed;
const FRAMES_TOO_LARGE = IO_COUNTER_INDEX.framesTooLarge;

export class TextRouter {
  readonly #traffic: Traffic;
  readonly #router: Router;
  readonly #command = new NativeCommand();
  readonly #decoder = new TextDecoder();

  constructor(traffic: Traffic, router: Router) {
    this.#traffic = traffic;
    this.#router = router;
  }

  routeFrame(connection: Connection, bytes: Uint8Array): void {
    const { counters, config, outgoing } = this.#traffic;
    const lane = (connection.lane ??= new TextLane());
    if (bytes.length > config.maxPayload) {
      counters[FRAMES_TOO_LARGE]! += 1;
      lane.push(tooLargeTextReply(this.#decoder.decode(bytes.subarray(0, PREFIX_BYTES))));
    } else {
      const decoded = decodeTextFrame(this.#decoder.decode(bytes));
      if (decoded.kind === 'refusal') {
        counters[COMMANDS_MALFORMED]! += 1;
        lane.push(decoded.reply);
      } else {
        this.#route(connection, lane, decoded);
      }
    }
    lane.flush(connection, outgoing);
    if (lane.size > LANE_REPLIES_MAX) {
      outgoing.condemn(connection, CLOSE_TRY_AGAIN_LATER, 'too many text replies are waiting');
    }
  }

  #route(connection: Connection, lane: TextLane, text: TextCommand): void {
    const { entry, token, body } = text;
    const request = new TextRequest({
      entry,
      sentName: text.sentName,
      tokenEcho: text.tokenEcho,
      nameEcho: text.nameEcho,
      id: text.id,
    });
    lane.push(request);
    const tokenBytes = token?.length ?? 0;
    const space = new ByteSpace(new ArrayBuffer(tokenBytes + body.length));
    if (token !== undefined) space.bytes.set(token);
    space.bytes.set(body, tokenBytes);
    const command = this.#command;
    command.op = entry.op;
    command.id = 0;
    command.tokenAt = 0;
    if (token !== undefined)
      command.tokenForm = tokenBytes === TOKEN_BYTES ? TOKEN_RAW : TOKEN_SHORT;
    else command.tokenForm = entry.isDefaultMap ? TOKEN_NIL : TOKEN_WRONG;
    command.bodyAt = tokenBytes;
    command.bodyEnd = space.bytes.length;
    this.#router.route(connection, space, command, request);
  }
}
