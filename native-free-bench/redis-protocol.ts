/** Redis: a hash per session, named by a token's text, with EXPIRE. RESP2 in pipelines. */
import {
  KEY_COUNT,
  keyName,
  valueText,
  type Protocol,
  type ReplyReader,
  type ReplyVisitor,
} from './protocol.js';

const NOTHING = Buffer.alloc(0);
const CR = 0x0d;
const DOLLAR = 0x24;
const MINUS = 0x2d;

function command(...parts: readonly string[]): Buffer {
  const items = parts.map((part) => `$${part.length}\r\n${part}\r\n`);
  return Buffer.from(`*${parts.length}\r\n${items.join('')}`, 'latin1');
}

function create(token: Buffer, index: number, seconds: number): Buffer {
  const fields: string[] = [];
  for (let key = 1; key <= KEY_COUNT; key += 1) {
    fields.push(keyName(key), valueText(index, key, 0));
  }
  const name = token.toString('base64url');
  const lifeMs = String(Math.round(seconds * 1_000));
  return Buffer.concat([command('HSET', name, ...fields), command('PEXPIRE', name, lifeMs)]);
}

/** Replies: bulk strings, integers, simple strings and errors; arrays are not asked for. */
class RedisReplyReader implements ReplyReader {
  failures = 0;
  readonly #visit: ReplyVisitor | undefined;
  #rest: Buffer = NOTHING;

  constructor(visit: ReplyVisitor | undefined) {
    this.#visit = visit;
  }

  read(chunk: Buffer, chunkEnd: number): number {
    const isJoined = this.#rest.length > 0;
    const bytes = isJoined ? Buffer.concat([this.#rest, chunk.subarray(0, chunkEnd)]) : chunk;
    const end = isJoined ? bytes.length : chunkEnd;
    let at = 0;
    let replies = 0;
    while (at < end) {
      const next = endOfReply(bytes, at, end);
      if (next === 0) break;
      const lead = bytes[at];
      if (lead === MINUS || (lead === DOLLAR && bytes[at + 1] === MINUS)) this.failures += 1;
      if (this.#visit !== undefined) this.#visit(bytes, at, next);
      replies += 1;
      at = next;
    }
    this.#rest = at < end ? Buffer.from(bytes.subarray(at, end)) : NOTHING;
    return replies;
  }
}

/** Where the reply at `start` ends; 0 while it is incomplete. */
function endOfReply(bytes: Buffer, start: number, end: number): number {
  let at = start + 1;
  let size = 0;
  while (at < end && bytes[at] !== CR) {
    size = size * 10 + (bytes[at]! - 0x30);
    at += 1;
  }
  let next = at + 2;
  // A bulk string has its length on the first line; $-1 is nil and has no more.
  if (bytes[start] === DOLLAR && bytes[start + 1] !== MINUS) next += size + 2;
  return next <= end ? next : 0;
}

function firstLine(reply: Buffer): string {
  return reply.toString('latin1', 1, reply.indexOf(CR));
}

export const redisProtocol: Protocol = {
  greeting: NOTHING,
  greetingEnd: () => 0,
  message: (commands) => Buffer.concat(commands),
  replyReader: (visit) => new RedisReplyReader(visit),
  replyIndex: undefined,

  create,
  repliesPerCreate: 2,
  created: () => undefined,

  get: (token, _index, key) => command('HGET', token.toString('base64url'), keyName(key)),
  set: (token, index, key) =>
    command('HSET', token.toString('base64url'), keyName(key), valueText(index, key, 1)),
  valueFrom(reply) {
    if (reply[0] !== DOLLAR || reply[1] === MINUS) return undefined;
    return reply.toString('latin1', reply.indexOf(CR) + 2, reply.length - 2);
  },

  countLive: () => command('DBSIZE'),
  liveFrom: (reply) => Number(firstLine(reply)),
  endAll: () => command('FLUSHALL'),
  snapshot: () => command('SAVE'),
};
