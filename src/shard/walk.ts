/**
 * Walks over the rows of a shard, a slice between turns: each session that is there is encoded whole,
 * in chunks of 1 MiB at most that go to main. What a walk gives is no moment in time; for a snapshot,
 * the log from the segment begun with it, replayed over what it gave, is the present.
 *
 * Rows keep their places while a walk is on, so a session that lives throughout is met once. Rows
 * that are taken after it began are not its business: the log has them. Nothing is looked up
 * through find(), so a walk changes nothing, not even what is due.
 *
 * While commands come in, walks take a fiftieth of the shard's time at most: commands come first, also
 * for the job pool's part of the work, which follows from it. While none do, they take all of it; and an
 * eighth while the log fails, for then a snapshot may be what writes wait for.
 *
 * Several walks at a time take slices by turns. Together they have at most CHUNKS_AHEAD_MAX chunks
 * under way; then they wait until main has counted one as done.
 */
import { CHUNKS_AHEAD_MAX, SELECTED_WORDS } from '../config/walk-messages.js';
import type {
  LogStart,
  WalkChunk,
  WalkEnd,
  WalkOrder,
  WalkReport,
  WalkStart,
} from '../config/walk-messages.js';
import type { Clock } from '../core/clock.js';
import { NIL } from '../memory/shared-memory.js';
import { EffectBuffer } from '../state/effect-buffer.js';
import { encodeSession } from '../state/encode-session.js';
import type { ShardState } from '../state/shard-state.js';

/** A chunk is sent once it has as much: with what one step may add, 1 MiB, as its buffer has. */
const CHUNK_BYTES = 944 * 1_024;
/**
 * While requests come in, chunks are smaller: 1 MiB is 3 to 4 ms of compressing, and a thread of whatever
 * low priority that is at work is not always put off for one that wakes up. (1M sessions, half load on 2
 * cores, medians over windows of 0.5 s, p99 of commands over that without a snapshot: with chunks of
 * 1 MiB 1.77, without compressing 1.05, with chunks of 112 KiB 1.10.)
 */
const BUSY_CHUNK_BYTES = 112 * 1_024;
/** How long a slice may take: while requests come in, and while none do. */
const BUSY_SLICE_MS = 0.25;
const IDLE_SLICE_MS = 1;
/**
 * While requests come in, a slice is followed by a rest so many times as long. (1M sessions, half load on
 * 2 cores, p99 of commands over that without a snapshot, and how long it took: with 7 2.0 and 3.2, 1.7 and
 * 2.0 s; with 20 1.7 and 1.6, 4.2 and 4.6 s; with 50, and smaller chunks, 1.7 and 0.8, 17 and 10 s.)
 */
const BUSY_RESTS = 50;
const BUSY_RESTS_WHILE_FAILING = 7;
/** Rows between two looks at the clock, about 10 µs. A big session is a step of its own. */
const ROWS_PER_LOOK = 16;
const LOOK_BYTES_MAX = 64 * 1_024;
/** Looks in a slice, for a clock that stands still. */
const LOOKS_MAX = 256;
/** What bounds a step and a chunk; tests take less. */
const SIZES: WalkSizes = { chunkBytes: CHUNK_BYTES, rowsPerLook: ROWS_PER_LOOK };
/** Of a buffer for chunks of the common size. */
const OUTGOING_BYTES = 1_024 * 1_024;
const NO_LOG: LogStart = { segment: 0, sequence: 0 };

/** What walks need of the shard's log (storage/shard-log.ts). */
export interface WalkedLog {
  /** Of the last batch written. */
  readonly sequence: number;
  readonly isFailing: boolean;
  /** The next batch goes to a new segment; returns its number. */
  beginSegment(): number;
}

export interface WalkSizes {
  readonly chunkBytes: number;
  readonly rowsPerLook: number;
}

export interface WalksParts {
  readonly sessions: ShardState;
  /** On the first shard: the default map, and its row. */
  readonly defaults: { readonly state: ShardState; readonly row: number } | undefined;
  readonly clock: Clock;
  readonly log: WalkedLog;
  /** Chunks that main is done with so far, whatever became of them. */
  readonly chunksDone: () => number;
  /** Executed by the shard so far. */
  readonly commandsSoFar: () => number;
  readonly report: (report: WalkReport) => void;
  readonly sizes?: WalkSizes;
}

export class Walks {
  readonly types = ['walk', 'cancel-walk'] as const;
  readonly #parts: WalksParts;
  readonly #sizes: WalkSizes;
  readonly #walks: Walk[] = [];
  #next = 0;
  #chunksSent = 0;
  #commandsSeen = 0;
  /** No slice before then. */
  #restUntilMs = 0;

  constructor(parts: WalksParts) {
    this.#parts = parts;
    this.#sizes = parts.sizes ?? SIZES;
  }

  take(order: WalkOrder): void {
    if (order.type === 'walk') {
      this.#walks.push(new Walk(this.#parts, order, this.#logStartOf(order)));
    } else {
      const walk = this.#walks.find(({ id }) => id === order.id);
      if (walk !== undefined) this.#end(walk);
    }
    this.#pinRows();
  }

  /** Whether a slice is due: not during a rest, nor while main has yet to take what was sent. */
  get isActive(): boolean {
    return this.#mayRun() && this.#parts.clock.nowMs() >= this.#restUntilMs;
  }

  /** When the rest is over; Infinity where there is nothing to do then. */
  get resumeMs(): number {
    return this.#mayRun() ? this.#restUntilMs : Infinity;
  }

  /** One slice of one walk. */
  slice(hasRequests: boolean): void {
    if (!this.#mayRun()) return;
    const { clock, commandsSoFar, log } = this.#parts;
    const startedMs = clock.nowMs();
    // Those that came in during the rest count as well.
    const isBusy = hasRequests || commandsSoFar() !== this.#commandsSeen;
    this.#commandsSeen = commandsSoFar();
    this.#next = (this.#next + 1) % this.#walks.length;
    this.#goOn(this.#walks[this.#next]!, startedMs, isBusy);
    if (!isBusy) return;
    const nowMs = clock.nowMs();
    const rests = log.isFailing ? BUSY_RESTS_WHILE_FAILING : BUSY_RESTS;
    this.#restUntilMs = nowMs + (nowMs - startedMs) * rests;
  }

  #goOn(walk: Walk, startedMs: number, isBusy: boolean): void {
    const { chunkBytes: chunkBytesMax, rowsPerLook } = this.#sizes;
    const untilMs = startedMs + (isBusy ? BUSY_SLICE_MS : IDLE_SLICE_MS);
    const chunkBytes = isBusy ? Math.min(chunkBytesMax, BUSY_CHUNK_BYTES) : chunkBytesMax;
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      walk.step(rowsPerLook);
      if (walk.isOver || walk.pendingBytes >= chunkBytes) break;
      if (this.#parts.clock.nowMs() >= untilMs) return;
    }
    if (walk.isOver || walk.pendingBytes >= chunkBytes) this.#send(walk);
    if (!walk.isOver) return;
    this.#end(walk);
    this.#pinRows();
  }

  #logStartOf(order: WalkStart): LogStart {
    const { log } = this.#parts;
    if (order.purpose !== 'snapshot') return NO_LOG;
    return { segment: log.beginSegment(), sequence: log.sequence + 1 };
  }

  #mayRun(): boolean {
    if (this.#walks.length === 0) return false;
    // Both count up without end and differ by a few; the board's word wraps at 32 bits.
    return ((this.#chunksSent - this.#parts.chunksDone()) | 0) < CHUNKS_AHEAD_MAX;
  }

  #send(walk: Walk): void {
    const chunk = walk.takeChunk();
    if (chunk === undefined) return;
    this.#chunksSent = (this.#chunksSent + 1) | 0;
    this.#parts.report(chunk);
  }

  #end(walk: Walk): void {
    this.#walks.splice(this.#walks.indexOf(walk), 1);
    this.#parts.report(walk.end(this.#parts.log.sequence));
  }

  #pinRows(): void {
    const { sessions } = this.#parts;
    sessions.keepsRowsInPlace = this.#walks.length > 0;
  }
}

/**
 * Where the chunks of one walk lie on their way: as many buffers as chunks may be under way, by turns.
 * Main is done with a walk's chunks in their order, so the one before the last three is free.
 *
 * Shared memory, not buffers that are transferred: the first buffer that is detached from a thread
 * makes V8 throw away all its code that reads typed arrays, and check for it ever after. A first
 * snapshot at half load held commands up for 270 ms so.
 */
class OutgoingBuffers {
  readonly #buffers: SharedArrayBuffer[] = [];
  #next = 0;

  copyOf(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    let buffer = this.#buffers[this.#next];
    // One that had a big session in it is not kept.
    const isFitting = buffer !== undefined && buffer.byteLength >= length;
    if (buffer === undefined || !isFitting || buffer.byteLength > OUTGOING_BYTES) {
      buffer = new SharedArrayBuffer(Math.max(length, OUTGOING_BYTES));
      this.#buffers[this.#next] = buffer;
    }
    this.#next = (this.#next + 1) % CHUNKS_AHEAD_MAX;
    const copy = new Uint8Array(buffer, 0, length);
    copy.set(bytes);
    return copy;
  }
}

/** One walk: where it stands, and what it has not sent yet. */
class Walk {
  readonly id: number;
  readonly #sessions: ShardState;
  readonly #logStart: LogStart;
  readonly #buffer = new EffectBuffer();
  readonly #outgoing = new OutgoingBuffers();
  /** Of rows or, with a list, of its words. */
  #cursor = 0;
  #cursorEnd: number;
  readonly #list: Int32Array | undefined;
  /** Rows met through the list: a session in it by two tokens, one in its grace, is given once. */
  readonly #listed = new Set<number>();
  #chunkSessions = 0;
  #chunkKeys = 0;
  #sentSessions = 0;
  #sentKeys = 0;

  constructor(parts: WalksParts, order: WalkStart, logStart: LogStart) {
    const { what } = order;
    const { defaults, sessions } = parts;
    this.id = order.id;
    this.#sessions = sessions;
    this.#logStart = logStart;
    this.#list = typeof what === 'string' ? undefined : what;
    this.#cursorEnd = this.#list?.length ?? (what === 'default' ? 0 : sessions.rows.pool.end);
    if (defaults !== undefined && (what === 'all' || what === 'default')) {
      this.#encode(defaults.state, defaults.row);
    }
  }

  get isOver(): boolean {
    return this.#cursor >= this.#cursorEnd;
  }

  get pendingBytes(): number {
    return this.#buffer.bytes;
  }

  /** Goes over a few rows. */
  step(rowsMax: number): void {
    if (this.#list !== undefined) {
      this.#stepInList(this.#list, rowsMax);
      return;
    }
    const { rows } = this.#sessions;
    // SH_END_ALL takes all rows back; those that come after it are in the log.
    const end = Math.min(this.#cursorEnd, rows.pool.end);
    if (end < this.#cursorEnd) this.#cursorEnd = end;
    const until = Math.min(this.#cursor + rowsMax, end);
    const bytesMax = this.#buffer.bytes + LOOK_BYTES_MAX;
    let row = this.#cursor;
    while (row < until && this.#buffer.bytes < bytesMax) {
      if (rows.isLive(row)) this.#encode(this.#sessions, row);
      row += 1;
    }
    this.#cursor = row;
  }

  #stepInList(list: Int32Array, rowsMax: number): void {
    const until = Math.min(this.#cursor + rowsMax * SELECTED_WORDS, list.length);
    const bytesMax = this.#buffer.bytes + LOOK_BYTES_MAX;
    let at = this.#cursor;
    for (; at < until && this.#buffer.bytes < bytesMax; at += SELECTED_WORDS) {
      const row = this.#sessions.peek(list, at, list[at + SELECTED_WORDS - 1]!);
      if (row === NIL || this.#listed.has(row)) continue;
      this.#listed.add(row);
      this.#encode(this.#sessions, row);
    }
    this.#cursor = at;
  }

  #encode(state: ShardState, row: number): void {
    encodeSession(state, row, this.#buffer);
    this.#chunkSessions += state.isDefaultMap ? 0 : 1;
    this.#chunkKeys += state.keys.countOf(row);
  }

  /** What has been encoded since the last chunk; undefined if nothing has. */
  takeChunk(): WalkChunk | undefined {
    const buffer = this.#buffer;
    if (buffer.isEmpty) return undefined;
    const bytes = this.#outgoing.copyOf(buffer.space.bytes.subarray(buffer.start, buffer.length));
    const sessions = this.#chunkSessions;
    const keys = this.#chunkKeys;
    buffer.clear();
    this.#chunkSessions = 0;
    this.#chunkKeys = 0;
    this.#sentSessions += sessions;
    this.#sentKeys += keys;
    return { type: 'chunk', id: this.id, logStart: this.#logStart, bytes, sessions, keys };
  }

  /** Drops what has not been sent. */
  end(lastSequence: number): WalkEnd {
    return {
      type: 'walked',
      id: this.id,
      logStart: this.#logStart,
      lastSequence,
      sessions: this.#sentSessions,
      keys: this.#sentKeys,
    };
  }
}
