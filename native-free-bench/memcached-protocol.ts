/**
 * memcached: a session is one value, its keys as JSON text, so a read fetches all of it and a write
 * replaces all of it. The text protocol, in pipelines.
 */
import {
  KEY_COUNT,
  keyName,
  valueText,
  type Protocol,
  type ReplyReader,
  type ReplyVisitor,
} from './protocol.js';

const NOTHING = Buffer.alloc(0);
const CRLF = '\r\n';
const SPACE = 0x20;
const CR = 0x0d;
const ZERO = 0x30;

const VALUE = 'VALUE ';
const STAT = 'STAT ';
const ITEM_COUNT = /^STAT curr_items (\d+)/m;

/** A write names a life as well; nothing measured here outlasts it. */
const SET_SECONDS = 3_600;

/** The whole session as JSON. @param changedKey the one that has its later value; 0: none. */
function sessionText(index: number, changedKey: number): string {
  const entries: [string, string][] = [];
  for (let key = 1; key <= KEY_COUNT; key += 1) {
    entries.push([keyName(key), valueText(index, key, key === changedKey ? 1 : 0)]);
  }
  return JSON.stringify(Object.fromEntries(entries));
}

const nameOf = (token: Buffer): string => token.toString('base64url');

function store(token: Buffer, text: string, seconds: number): Buffer {
  return Buffer.from(`set ${nameOf(token)} 0 ${seconds} ${text.length}\r\n${text}\r\n`, 'latin1');
}

/** Replies: STORED, OK, values, lists of STAT, errors. */
class MemcachedReplyReader implements ReplyReader {
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
      if (isFailure(bytes, at)) this.failures += 1;
      if (this.#visit !== undefined) this.#visit(bytes, at, next);
      replies += 1;
      at = next;
    }
    this.#rest = at < end ? Buffer.from(bytes.subarray(at, end)) : NOTHING;
    return replies;
  }
}

/** The letters by which replies are told apart. */
const LETTER = { V: 0x56, S: 0x53, A: 0x41, T: 0x54, O: 0x4f } as const;

/** Where the reply at `start` ends; 0 while it is incomplete. */
function endOfReply(bytes: Buffer, start: number, end: number): number {
  const first = bytes[start];
  if (first === LETTER.V) return endOfValue(bytes, start, end);
  let lineEnd = endOfLine(bytes, start, end);
  // "STAT " begins a list, "STORED" does not; which it is shows in the third letter.
  if (first !== LETTER.S || start + 3 > end || bytes[start + 2] !== LETTER.A) return lineEnd;
  let lineStart = start;
  while (lineEnd !== 0 && bytes[lineStart] === LETTER.S) {
    lineStart = lineEnd;
    lineEnd = endOfLine(bytes, lineStart, end);
  }
  return lineEnd;
}

/** Behind the line end of the line at `start`; 0 while it is incomplete. */
function endOfLine(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== CR) at += 1;
  return at + CRLF.length <= end ? at + CRLF.length : 0;
}

/** VALUE name flags size, the bytes, END. */
function endOfValue(bytes: Buffer, start: number, end: number): number {
  let at = start;
  let size = 0;
  while (at < end && bytes[at] !== CR) {
    size = bytes[at] === SPACE ? 0 : size * 10 + (bytes[at]! - ZERO);
    at += 1;
  }
  const next = at + CRLF.length + size + CRLF.length + 'END'.length + CRLF.length;
  return next <= end ? next : 0;
}

/** END alone is a miss; anything that begins otherwise than a success is an error. */
function isFailure(bytes: Buffer, start: number): boolean {
  const first = bytes[start];
  if (first === LETTER.V || first === LETTER.O) return false;
  return first !== LETTER.S || bytes[start + 1] !== LETTER.T;
}

export const memcachedProtocol: Protocol = {
  greeting: NOTHING,
  greetingEnd: () => 0,
  message: (commands) => Buffer.concat(commands),
  replyReader: (visit) => new MemcachedReplyReader(visit),
  replyIndex: undefined,

  create: (token, index, seconds) => store(token, sessionText(index, 0), Math.ceil(seconds)),
  repliesPerCreate: 1,
  created: () => undefined,

  get: (token) => Buffer.from(`get ${nameOf(token)}\r\n`, 'latin1'),
  set: (token, index, key) => store(token, sessionText(index, key), SET_SECONDS),
  valueFrom(reply, key) {
    const text = reply.toString('latin1');
    if (!text.startsWith(VALUE)) return undefined;
    const from = text.indexOf(CRLF) + CRLF.length;
    const session = JSON.parse(text.slice(from, text.lastIndexOf(`${CRLF}END`))) as object;
    return (session as Record<string, string>)[keyName(key)];
  },

  countLive: () => Buffer.from('stats\r\n'),
  liveFrom(reply) {
    const text = reply.toString('latin1');
    return text.startsWith(STAT) ? Number(ITEM_COUNT.exec(text)?.[1]) : NaN;
  },
  endAll: () => Buffer.from('flush_all\r\n'),
  snapshot() {
    throw new Error('memcached has no snapshots');
  },
};
