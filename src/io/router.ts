/**
 * From a frame to the rings: finds for each command its shard and hands it over, or answers it here.
 * The body's bytes go from the socket's memory to the ring in one copy and are not looked at, save
 * for the few commands whose token or shards depend on them.
 *
 * Replies made here go out at the end of the frame. They may overtake those of shards, which only
 * replies on the same session must not; refusals for want of room could be such, and so are held
 * (held-refusals.ts).
 */
import { ByteSpace } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { ALL_RIGHTS } from '../core/rights.js';
import { shardOf } from '../core/slots.js';
import { STATUSES } from '../core/statuses.js';
import { CATALOGUE } from '../protocol/catalogue.js';
import {
  FRAME_BROKEN,
  FRAME_COMMAND,
  FRAME_END,
  NativeFrame,
  TOKEN_NIL,
  TOKEN_RAW,
  TOKEN_SHORT,
  TOKEN_TEXT,
  type NativeCommand,
} from '../protocol/native-frame.js';
import { NativeWriter } from '../protocol/native-writer.js';
import { FLAG_DEFAULT_MAP, FLAG_LENIENT, FLAG_NO_TOKEN } from '../ring/records.js';
import { newFanOut } from './all-shards.js';
import type { Connection } from './connection.js';
import { DeferredFrames } from './deferred-frames.js';
import { HeldRefusals } from './held-refusals.js';
import { LifeRoutes, type LifeRoutesParts } from './life-routes.js';
import type { MainRequestReader } from './main-request.js';
import type { MainRoad } from './main-road.js';
import { CLOSE_TRY_AGAIN_LATER } from './outgoing.js';
import { rightsRefusal } from './rights.js';
import {
  ROUTE_ALL_SHARDS,
  ROUTE_BY_OP,
  ROUTE_DEFAULT_MAP,
  ROUTE_MAIN,
  ROUTE_NEW,
  ROUTE_OPEN,
  ROUTE_ROTATE,
  ROUTE_SERVER,
  ROUTE_SESSION,
  ROUTE_SET_OWNER,
  ROUTE_WATCH,
  SESSION_OP,
} from './routes.js';
import type { ServerCommands } from './server-commands.js';
import { RequestHeader, type ShardLink } from './shard-link.js';
import { answersJson, type TextRequest } from './text-lane.js';
import { NO_TICKET, type Note } from './tickets.js';
import type { Tokens } from './tokens.js';
import type { Traffic } from './traffic.js';
import type { Watches } from './watches.js';

/** Refusals one connection may have waiting. More, and it is closed. */
export const HELD_REFUSALS_MAX = 65_536;

const COMMANDS_IN = IO_COUNTER_INDEX.commandsIn;
const COMMANDS_BUSY = IO_COUNTER_INDEX.commandsBusy;
const COMMANDS_MALFORMED = IO_COUNTER_INDEX.commandsMalformed;
const NOT_ALLOWED = IO_COUNTER_INDEX.notAllowed;
const FRAMES_TOO_LARGE = IO_COUNTER_INDEX.framesTooLarge;

const SH_WATCH = CATALOGUE.SH_WATCH.op;
const NOT_A_COMMAND = 'expected a bin that holds [op, id, tkn, body]';
const TOO_MANY_CALLS = 'too many saves, loads and snapshots are under way';
const NOT_BINS = 'expected a frame of whole msgpack bins';

export interface RouterParts extends LifeRoutesParts {
  readonly server: ServerCommands;
  readonly mainRoad: MainRoad;
  readonly mainRequests: MainRequestReader;
  readonly watches: Watches;
}

export class Router {
  readonly #traffic: Traffic;
  readonly #tokens: Tokens;
  readonly #server: ServerCommands;
  readonly #mainRoad: MainRoad;
  readonly #mainRequests: MainRequestReader;
  readonly #watches: Watches;
  readonly #life: LifeRoutes;
  readonly #counters: Float64Array;
  readonly #inFlightMax: number;
  readonly #frame = new NativeFrame(new ByteSpace(new ArrayBuffer(0)));
  readonly #header: RequestHeader;
  /** Replies made here for the frame in hand. */
  readonly #writer = new NativeWriter();
  #replies = 0;

  constructor(parts: RouterParts) {
    const { traffic, tokens } = parts;
    this.#traffic = traffic;
    this.#tokens = tokens;
    this.#server = parts.server;
    this.#mainRoad = parts.mainRoad;
    this.#mainRequests = parts.mainRequests;
    this.#watches = parts.watches;
    this.#counters = traffic.counters;
    this.#inFlightMax = traffic.config.maxInFlight;
    const header = new RequestHeader(tokens.digest);
    this.#header = header;
    this.#life = new LifeRoutes(parts, {
      header,
      push: (...args) => this.#push(...args),
      hold: (...args) => this.#hold(...args),
      defer: (...args) => this.#defer(...args),
      routeSession: (...args) => this.#routeSession(...args),
    });
  }

  /** The frame is bytes [0, bytes) of space, valid during the call only. */
  routeFrame(connection: Connection, space: ByteSpace, bytes: number): void {
    const frame = this.#frame;
    const isTooLarge = bytes > this.#traffic.config.maxPayload;
    if (isTooLarge) this.#counters[FRAMES_TOO_LARGE]! += 1;
    frame.open(space, bytes);
    for (let step = frame.next(); step !== FRAME_END; step = frame.next()) {
      if (step !== FRAME_COMMAND) {
        this.#counters[COMMANDS_MALFORMED]! += 1;
        const isBroken = step === FRAME_BROKEN;
        if (
          isBroken &&
          answersJson(connection, space.bytes.subarray(0, bytes), this.#traffic.outgoing)
        )
          break;
        this.#refuse(
          isBroken ? 0 : frame.command.id,
          isTooLarge ? STATUSES.TOO_LARGE.code : STATUSES.MALFORMED_COMMAND.code,
          isBroken ? NOT_BINS : NOT_A_COMMAND,
        );
        if (isBroken) break;
      } else if (isTooLarge) {
        this.#refuse(frame.command.id, STATUSES.TOO_LARGE.code, 'the frame is over --max-payload');
      } else {
        this.route(connection, space, frame.command, undefined);
      }
      if (connection.isCondemned) return;
    }
    this.#sendReplies(connection);
  }

  /** @param text the request, if the command came as text; its reply is then not written here. */
  route(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
  ): void {
    this.#counters[COMMANDS_IN]! += 1;
    if (connection.rights !== ALL_RIGHTS) {
      const refusal = rightsRefusal(connection.rights, space, command);
      if (refusal !== undefined) {
        this.#counters[NOT_ALLOWED]! += 1;
        this.#refuse(command.id, refusal.code, refusal.help);
        this.#answer(text, 0);
        return;
      }
    }
    const header = this.#header;
    header.connection = connection.name;
    header.id = command.id;
    header.flags = text === undefined ? 0 : FLAG_LENIENT;
    switch (ROUTE_BY_OP[command.op]) {
      case ROUTE_SESSION:
        this.#routeSession(connection, space, command, text);
        break;
      case ROUTE_DEFAULT_MAP:
        if (command.tokenForm === TOKEN_NIL)
          this.#routeDefaultMap(connection, space, command, text);
        else this.#routeSession(connection, space, command, text);
        break;
      case ROUTE_NEW:
      case ROUTE_OPEN:
      case ROUTE_ROTATE:
      case ROUTE_SET_OWNER:
        this.#life.route(connection, space, command, text);
        break;
      case ROUTE_ALL_SHARDS:
        this.#fanOut(connection, space, command, text);
        break;
      case ROUTE_WATCH:
        this.#routeWatch(connection, space, command, text);
        break;
      case ROUTE_SERVER:
        if (this.#server.answer({ connection, space, command, text }, this.#writer))
          this.#answer(text, 1);
        else this.#defer(connection, text);
        break;
      case ROUTE_MAIN:
        this.#routeMain(connection, space, command, text);
        break;
      default:
        this.#counters[COMMANDS_MALFORMED]! += 1;
        this.#refuse(command.id, STATUSES.UNKNOWN_COMMAND.code, 'no command has this number');
    }
  }

  /** To main if the command is sound, and answered here if not. */
  #routeMain(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
  ): void {
    const traffic = this.#traffic;
    if (connection.held !== undefined || traffic.isDraining) {
      this.#hold(connection, command.id, text);
      return;
    }
    const request = this.#mainRequests.read(space, command);
    if ('status' in request) {
      this.#refuse(command.id, request.status, request.reason);
      this.#answer(text, 0);
    } else if (this.#mainRoad.isFull) {
      this.#counters[COMMANDS_BUSY]! += 1;
      this.#refuse(command.id, STATUSES.BUSY.code, TOO_MANY_CALLS);
      this.#answer(text, 0);
    } else {
      this.#mainRoad.send({ connection: connection.name, id: command.id, text }, request);
      traffic.inFlight += 1;
    }
  }

  #routeSession(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
    note: Note = text,
  ): boolean {
    const tokens = this.#tokens;
    const header = this.#header;
    header.op = SESSION_OP[command.op]!;
    const form = command.tokenForm;
    if (form === TOKEN_RAW) {
      tokens.see(space, command.tokenAt);
    } else if (form === TOKEN_SHORT) {
      tokens.seeShort(space, command.tokenAt);
    } else if (form !== TOKEN_TEXT || !tokens.seeText(space, command.tokenAt)) {
      // Parameters are checked first, so a shard must see it; which one makes no difference.
      header.flags |= FLAG_NO_TOKEN;
      tokens.slot = connection.name & 1023;
    }
    header.slot = tokens.slot;
    return this.#submit(connection, this.#traffic.linkOf(tokens.slot), space, command, text, note);
  }

  #routeWatch(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
  ): void {
    const isWatching = command.op === SH_WATCH;
    const caller = { connection: connection.name, id: command.id, text };
    const note = this.#watches.noteOf(isWatching, caller);
    const isSent = this.#routeSession(connection, space, command, text, note);
    if (isSent && isWatching) {
      this.#watches.sent(shardOf(this.#header.slot, this.#traffic.links.length));
    }
  }

  #routeDefaultMap(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
  ): void {
    this.#header.op = SESSION_OP[command.op]!;
    this.#header.flags |= FLAG_DEFAULT_MAP;
    this.#header.slot = 0;
    this.#submit(connection, this.#traffic.linkOf(0), space, command, text);
  }

  #submit(
    connection: Connection,
    link: ShardLink,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
    note: Note = text,
  ): boolean {
    const ticket = note === undefined ? NO_TICKET : this.#traffic.tickets.take(note);
    if (this.#push(connection, link, space, command, ticket)) return true;
    if (ticket !== NO_TICKET) this.#traffic.tickets.giveBack(ticket);
    this.#hold(connection, command.id, text);
    return false;
  }

  #push(
    connection: Connection,
    link: ShardLink,
    space: ByteSpace,
    command: NativeCommand,
    ticket: number,
  ): boolean {
    const traffic = this.#traffic;
    if (connection.held !== undefined || traffic.isDraining) return false;
    this.#header.ticket = ticket;
    const bodyBytes = command.bodyEnd - command.bodyAt;
    const mayPark = connection.inFlight < this.#inFlightMax && !link.isOverfull;
    if (!link.push(this.#header, space, command.bodyAt, bodyBytes, mayPark)) return false;
    connection.inFlight += 1;
    traffic.inFlight += 1;
    return true;
  }

  #fanOut(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
  ): void {
    const traffic = this.#traffic;
    const isOver = connection.inFlight >= this.#inFlightMax;
    if (
      connection.held !== undefined ||
      traffic.isDraining ||
      traffic.links.some((link) => link.isOverfull || (isOver && link.isBlocked))
    ) {
      this.#hold(connection, command.id, text);
      return;
    }
    const caller = { connection: connection.name, id: command.id, text };
    const body = { space, at: command.bodyAt, end: command.bodyEnd };
    const header = this.#header;
    const fanOut = newFanOut(command.op, caller, body, { traffic, tokens: this.#tokens, header });
    header.op = command.op;
    const parts = fanOut.start(traffic, header);
    if (parts > 0) {
      connection.inFlight += 1;
      traffic.inFlight += parts;
      return;
    }
    fanOut.writeReply(this.#writer);
    this.#answer(text, 1);
  }

  /** What the connection sends from here on waits until IoThread routes it. */
  #defer(connection: Connection, text: TextRequest | undefined): void {
    connection.deferred = new DeferredFrames(this.#traffic.deferred);
    this.#traffic.inFlight += 1;
    const rest = text === undefined ? this.#frame.takeRest() : undefined;
    if (rest !== undefined && rest.length > 0) connection.deferred.add(rest, false);
  }

  /** Takes what was just written as the reply: to the text request, if it was one. */
  #answer(text: TextRequest | undefined, replies: number): void {
    this.#replies += replies;
    if (text === undefined) return;
    const written = this.#writer.written();
    text.answer(written, 0, written.length);
    this.#writer.clear();
    this.#replies = 0;
  }

  #refuse(id: number, status: number, reason: string): void {
    this.#writer.refusal(id, status, reason);
    this.#replies += 1;
  }

  /** Refuses a command for want of room, or while draining, after all earlier ones are answered. */
  #hold(connection: Connection, id: number, text: TextRequest | undefined): void {
    const isDraining = this.#traffic.isDraining;
    const status = isDraining ? STATUSES.SHUTTING_DOWN.code : STATUSES.BUSY.code;
    if (!isDraining) this.#counters[COMMANDS_BUSY]! += 1;
    if (connection.inFlight === 0) {
      if (text !== undefined) text.refuse(status);
      else {
        this.#writer.status(id, status);
        this.#replies += 1;
      }
      return;
    }
    const held = (connection.held ??= new HeldRefusals());
    held.hold(id, status, text);
    if (held.size > HELD_REFUSALS_MAX) {
      const reason = 'too many commands were sent while the server was busy';
      this.#traffic.outgoing.condemn(connection, CLOSE_TRY_AGAIN_LATER, reason);
    }
  }

  #sendReplies(connection: Connection): void {
    if (this.#replies === 0) return;
    this.#traffic.outgoing.sendBinary(connection, this.#writer.written(), this.#replies);
    this.#writer.clear();
    this.#replies = 0;
  }
}
