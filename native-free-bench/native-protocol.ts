/** Sojourn's native dialect: msgpack commands in masked WebSocket frames. */
import { decode } from '@msgpack/msgpack';
import { CATALOGUE } from '../src/protocol/catalogue.js';
import { MsgpackWriter } from './msgpack-writer.js';
import {
  KEY_COUNT,
  keyName,
  TOKEN_BYTES,
  valueText,
  type Protocol,
  type ReplyReader,
  type ReplyVisitor,
} from './protocol.js';
import { clientFrame, ServerFrames, UPGRADE_REQUEST, upgradeEnd } from './websocket-client.js';

/** Ids from here take five bytes of msgpack, so that all requests of a kind have one size. */
export const ID_OFFSET = 0x1_0000;
/** Where the id stands in a reply: behind the array's first byte and the 0xce of a uint32. */
const REPLY_ID_BYTE = 2;

const writer = new MsgpackWriter();

/** Wraps what the writer holds, a whole command or reply, into its bin. */
function inBin(): Buffer {
  const content = writer.take();
  return writer.bin(content).take();
}

function begin(op: number, index: number, token: Buffer | undefined): void {
  writer
    .array(4)
    .uint(op)
    .uint(ID_OFFSET + index);
  if (token === undefined) writer.nil();
  else writer.bin(token);
}

function create(_token: Buffer, index: number, seconds: number): Buffer {
  begin(CATALOGUE.SH_NEW.op, index, undefined);
  writer.map(2).str('expiry').map(2).str('deleteSession').bool(true);
  writer.str('duration').float(seconds);
  writer.str('keys').map(KEY_COUNT);
  for (let key = 1; key <= KEY_COUNT; key += 1) {
    writer.str(keyName(key)).str(valueText(index, key, 0));
  }
  return inBin();
}

function get(token: Buffer, index: number, key: number): Buffer {
  begin(CATALOGUE.SH_GET.op, index, token);
  writer.map(1).str('keys').array(1).str(keyName(key));
  return inBin();
}

function set(token: Buffer, index: number, key: number): Buffer {
  begin(CATALOGUE.SH_SET.op, index, token);
  writer
    .map(1)
    .str('keys')
    .map(1)
    .str(keyName(key))
    .str(valueText(index, key, 1));
  return inBin();
}

function withoutBody(op: number): Buffer {
  begin(op, 0, undefined);
  writer.nil();
  return inBin();
}

/** The body of a command as built here: what follows its op, its id and its token or nil. */
export function bodyOf(command: Buffer): Buffer {
  const headBytes = command.length < 0x100 ? 2 : 3;
  const tokenAt = headBytes + 7;
  const tokenBytes = command[tokenAt] === 0xc0 ? 1 : 2 + TOKEN_BYTES;
  return command.subarray(tokenAt + tokenBytes);
}

/** What a server answers to get() or set(), for the echo server. The id is at byte 4, as uint32. */
export function replySample(op: number): Buffer {
  writer.array(3).uint(ID_OFFSET).uint(1);
  if (op === CATALOGUE.SH_GET.op) {
    writer
      .map(1)
      .str('keys')
      .map(1)
      .str(keyName(1))
      .str(valueText(0, 1, 0));
  } else {
    writer.nil();
  }
  return inBin();
}

class NativeReplyReader implements ReplyReader {
  failures = 0;
  readonly #frames: ServerFrames;
  readonly #visit: ReplyVisitor | undefined;
  #replies = 0;

  constructor(visit: ReplyVisitor | undefined) {
    this.#visit = visit;
    this.#frames = new ServerFrames((bytes, start, end) => this.#walk(bytes, start, end));
  }

  read(bytes: Buffer, end: number): number {
    this.#replies = 0;
    this.#frames.read(bytes, end);
    return this.#replies;
  }

  #walk(bytes: Buffer, from: number, end: number): void {
    let at = from;
    while (at < end) {
      const lead = bytes[at]!;
      let start = at + 2;
      let size = bytes[at + 1]!;
      if (lead === 0xc5) {
        start = at + 3;
        size = bytes.readUInt16BE(at + 1);
      } else if (lead === 0xc6) {
        start = at + 5;
        size = bytes.readUInt32BE(at + 1);
      } else if (lead !== 0xc4) {
        throw new Error(`a reply does not begin as a bin: ${lead}`);
      }
      at = start + size;
      if (!isOk(bytes, start)) this.failures += 1;
      if (this.#visit !== undefined) this.#visit(bytes, start, at);
      this.#replies += 1;
    }
  }
}

/** Whether the reply [id, st, body] at `start` has status 1, by its bytes alone. */
function isOk(bytes: Buffer, start: number): boolean {
  const lead = bytes[start + 1]!;
  if (lead === 0xce) return bytes[start + 6] === 1;
  if (lead < 0x80) return bytes[start + 2] === 1;
  return bytes[start + (lead === 0xcc ? 3 : 4)] === 1;
}

type Reply = readonly [id: number, status: number, body: Readonly<Record<string, unknown>> | null];

function decoded(reply: Buffer): Reply {
  const [id, status, body] = decode(reply) as Reply;
  if (status !== 1) throw new Error(`status ${status}: ${String(body?.['m'])}`);
  return [id, status, body];
}

/** Asks a Sojourn for its figures. */
export const statsCommand = (): Buffer => withoutBody(CATALOGUE.SV_STATS.op);

/** By thread, each by name; see core/counters.ts. */
export interface Stats {
  readonly io: readonly Readonly<Record<string, number>>[];
  readonly shards: readonly Readonly<Record<string, number>>[];
  readonly expiryLags: readonly ThreadDurations[];
  readonly replyTimes: readonly ThreadDurations[];
}

/** Counts by the end of their bucket, milliseconds; see core/durations.ts. */
export type ThreadDurations = readonly (readonly [endMs: number, count: number])[];

export const statsFrom = (reply: Buffer): Stats => decoded(reply)[2] as unknown as Stats;

export const nativeProtocol: Protocol = {
  greeting: UPGRADE_REQUEST,
  greetingEnd: upgradeEnd,
  message: (commands) => clientFrame(Buffer.concat(commands)),
  replyReader: (visit) => new NativeReplyReader(visit),
  replyIndex: (bytes, start) => bytes.readUInt32BE(start + REPLY_ID_BYTE) - ID_OFFSET,

  create,
  repliesPerCreate: 1,
  created(reply) {
    const [id, , body] = decoded(reply);
    const token = Buffer.from(body?.['tkn'] as Uint8Array);
    return { index: id - ID_OFFSET, token };
  },

  get,
  set,
  valueFrom(reply) {
    const keys = decoded(reply)[2]?.['keys'] as Record<string, string> | undefined;
    return keys === undefined ? undefined : Object.values(keys)[0];
  },

  countLive: () => withoutBody(CATALOGUE.SH_INFO_ALL.op),
  liveFrom: (reply) => Number(decoded(reply)[2]?.['totalSessions']),
  endAll: () => withoutBody(CATALOGUE.SH_END_ALL.op),
  snapshot: () => withoutBody(CATALOGUE.SV_SNAPSHOT.op),
};
