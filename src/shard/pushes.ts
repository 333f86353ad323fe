/**
 * What watchers hear of the sessions of a shard. The state notes what happens to a session that is
 * watched (state/notices.ts); here a notice becomes pushes, each a record in the reply ring of every
 * I/O thread that has watchers. There it keeps its place among the replies, and waits for the log as
 * they do: RingSink.publish() flushes first, and what the log fails is marked.
 *
 * A command gives a push for each run of its operations that are of one kind: SH_CLEAR_SET `cleared`
 * and `set`.
 */
import type { ByteSpace } from '../core/copy.js';
import { NativeWriter } from '../protocol/native-writer.js';
import { sessionIdText } from '../protocol/token.js';
import {
  PUSH,
  PUSH_CHANGED,
  PUSH_ENDED,
  PUSH_HEADER_BYTES,
  PUSH_ROTATED,
} from '../ring/records.js';
import { CHANGE_HEADER_BYTES, OP_CLEAR, OP_PUT, OP_REMOVE } from '../state/entry-format.js';
import type { Notice } from '../state/notices.js';
import { pairBytesAt, prefixBytesOf } from '../state/pairs.js';
import type { ShardState } from '../state/shard-state.js';
import { storedKeyBytes } from '../state/stored-key.js';
import type { RingSink } from './ring-sink.js';
import type { ShardCounters } from './shard-counters.js';

/** Memory that has grown beyond this is given up again. */
const BYTES_KEPT_MAX = 1_024 * 1_024;
const OP_BYTES = 1;
/** The bit of an I/O thread in a mask: its number, modulo 32. */
const MASK_BIT = 31;

export interface PushesParts {
  readonly sessions: ShardState;
  /** By I/O thread; for a borrower its own alone, since nobody else watches then. */
  readonly sinks: readonly (RingSink | undefined)[];
  readonly counters: ShardCounters;
}

/** Operations of one kind that follow one another: bytes [at, end) of an entry. */
interface Run {
  readonly entry: ByteSpace;
  readonly op: number;
  readonly at: number;
  readonly end: number;
  readonly count: number;
}

export class Pushes {
  readonly #parts: PushesParts;
  readonly #notices: readonly Notice[];
  #writer = new NativeWriter();

  constructor(parts: PushesParts) {
    this.#parts = parts;
    this.#notices = parts.sessions.notices.list;
  }

  get hasNotices(): boolean {
    return this.#notices.length > 0;
  }

  /**
   * Puts what has been noted into the rings; it is visible once they are published. May wait for
   * room, and so flush.
   */
  send(): void {
    for (const notice of this.#notices) this.#send(notice);
    this.#parts.sessions.notices.clear();
    if (this.#writer.space.bytes.length > BYTES_KEPT_MAX) this.#writer = new NativeWriter();
  }

  #send(notice: Notice): void {
    const { kind, change, newDigest } = notice;
    if (kind === 'change' && change !== undefined) {
      this.#sendChange(notice, change);
      return;
    }
    const isCleared = kind === 'cleared';
    const writer = this.#begin(kind, notice, newDigest === undefined && !isCleared ? 1 : 2);
    if (newDigest !== undefined) {
      writer.text('newId');
      writer.text(idOf(newDigest));
    }
    if (isCleared) {
      writer.text('expired');
      writer.bool(true);
    }
    const isOver = kind === 'expired' || kind === 'ended';
    if (isOver) this.#put(notice, PUSH_ENDED);
    else this.#put(notice, kind === 'rotated' ? PUSH_ROTATED : PUSH_CHANGED);
  }

  #sendChange(notice: Notice, entry: ByteSpace): void {
    const end = entry.view.getUint32(0, true);
    for (let at = CHANGE_HEADER_BYTES; at < end;) {
      const run = runAt(entry, at, end);
      this.#sendRun(notice, run);
      at = run.end;
    }
  }

  #sendRun(notice: Notice, run: Run): void {
    if (run.op === OP_CLEAR) {
      this.#begin('cleared', notice, 1);
    } else {
      const writer = this.#begin(run.op === OP_PUT ? 'set' : 'removed', notice, 2);
      writer.text('keys');
      if (run.op === OP_PUT) putPairs(writer, run);
      else putKeys(writer, run);
    }
    this.#put(notice, PUSH_CHANGED);
  }

  /** Begins a push, its body with the session's id. @param members of the body, with the id. */
  #begin(event: string, notice: Notice, members: number): NativeWriter {
    const writer = this.#writer;
    writer.clear();
    writer.beginPush(event);
    writer.mapHead(members);
    writer.text('id');
    writer.text(idOf(notice.digest));
    return writer;
  }

  #put(notice: Notice, meaning: number): void {
    const { sinks, counters } = this.#parts;
    const writer = this.#writer;
    writer.endReply();
    for (let io = 0; io < sinks.length; io += 1) {
      if ((notice.ios & (1 << (io & MASK_BIT))) === 0) continue;
      const sink = sinks[io];
      if (sink === undefined || sink.isClosed) continue;
      const at = sink.begin(meaning, PUSH, PUSH_HEADER_BYTES + writer.length);
      sink.space.view.setInt32(at, notice.watch, true);
      sink.space.view.setInt32(at + 4, notice.row, true);
      sink.space.bytes.set(writer.written(), at + PUSH_HEADER_BYTES);
      sink.end();
      // An end by a deadline needs no entry: the deadline is in the log.
      if (notice.kind !== 'expired') sink.waitForLog();
    }
    counters.add('pushes', 1);
  }
}

function runAt(entry: ByteSpace, at: number, entryEnd: number): Run {
  const op = entry.bytes[at]!;
  let end = at;
  let count = 0;
  while (end < entryEnd && entry.bytes[end] === op) {
    end = operationEnd(entry, end);
    count += 1;
  }
  return { entry, op, at, end, count };
}

function operationEnd(entry: ByteSpace, at: number): number {
  const op = entry.bytes[at]!;
  if (op === OP_CLEAR) return at + OP_BYTES;
  if (op === OP_REMOVE) return at + OP_BYTES + storedKeyBytes(entry, at + OP_BYTES);
  const pairBytes = pairBytesAt(entry, at + OP_BYTES);
  return at + OP_BYTES + prefixBytesOf(pairBytes) + pairBytes;
}

/** Keys and values are msgpack in the entry already. */
function putPairs(writer: NativeWriter, { entry, at, end, count }: Run): void {
  writer.mapHead(count);
  for (let op = at; op < end;) {
    const bytes = pairBytesAt(entry, op + OP_BYTES);
    const pairAt = op + OP_BYTES + prefixBytesOf(bytes);
    writer.raw(entry, pairAt, bytes);
    op = pairAt + bytes;
  }
}

function putKeys(writer: NativeWriter, { entry, at, end, count }: Run): void {
  writer.arrayHead(count);
  for (let op = at; op < end;) {
    const bytes = storedKeyBytes(entry, op + OP_BYTES);
    writer.raw(entry, op + OP_BYTES, bytes);
    op += OP_BYTES + bytes;
  }
}

function idOf(digest: Int32Array): string {
  return sessionIdText(new Uint8Array(digest.buffer, digest.byteOffset));
}
