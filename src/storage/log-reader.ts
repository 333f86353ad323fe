/**
 * Reads the log of one shard over all its segments, and judges where it ends.
 *
 * The sequence of batches must go on from segment to segment without a gap; numbers of segments may
 * have gaps. A segment that was given up may hold, or seem to hold, batches that the next one
 * repeats: those from the first sequence of any later segment on do not count.
 *
 * Reading stops where the next batch cannot be had. Was that batch ever known to be on the disk? Later
 * batches and headers of segments, and the manifest, say what was. If it was, this is damage, and
 * going on would lose what was safe. If not, it is the torn tail that any power cut leaves: what
 * follows was not safe either, and is cut off.
 */
import { logPath } from './file-names.js';
import { WindowBuffer } from './file-window.js';
import type { Files } from './files.js';
import type { ManifestSnapshot } from './manifest.js';
import type { RecoverySource } from './recovery-plan.js';
import { SegmentReader } from './segment-reader.js';
import { DamagedFileError } from './storage-error.js';

export interface LogReading {
  readonly files: Files;
  readonly directory: string;
  readonly secretCheck: string;
  readonly source: RecoverySource;
  /** What the log is read on top of. */
  readonly base: ManifestSnapshot;
  readonly buffer?: WindowBuffer;
  /** @returns what is wrong with the entries of the batch that the reader has read, if anything. */
  readonly onBatch: (reader: SegmentReader) => string | undefined;
}

/** Where a log that does not end cleanly breaks off. */
export interface LogBreak {
  /** torn: cut it off. damaged: what is lost was safe. */
  readonly kind: 'torn' | 'damaged';
  readonly file: string;
  readonly offset: number;
  readonly detail: string;
  /** Of the first batch that cannot be had. */
  readonly sequence: number;
  /** Highest sequence that is known to have been on the disk. */
  readonly synced: number;
  /** Whole batches behind the break, and what they hold. */
  readonly laterBatches: number;
  readonly laterEntries: number;
  readonly lastSequence: number;
  /** From the break on, in all segments. */
  readonly bytes: number;
  /** How to cut it off: first these segments go, the last one first, then this one is shortened. */
  readonly removes: readonly number[];
  readonly truncates: { readonly number: number; readonly offset: number } | undefined;
}

export interface LogOutcome {
  readonly batches: number;
  readonly entries: number;
  /** Of the segments read, up to the break. */
  readonly bytes: number;
  readonly nextSequence: number;
  /** Of the last batch; 0 if there is none. */
  readonly lastTimeMs: number;
  /** Segments that hold batches not known to be on the disk. */
  readonly unsynced: readonly number[];
  readonly break: LogBreak | undefined;
}

/** Throws DamagedFileError where whole batches hold what cannot be applied, or files cannot be read. */
export function readLog(reading: LogReading): LogOutcome {
  const readers: SegmentReader[] = [];
  try {
    const buffer = reading.buffer ?? new WindowBuffer();
    for (const number of reading.source.segments) {
      if (number < reading.base.logFrom) continue;
      const { epoch, shard } = reading.source;
      const { files, directory, secretCheck } = reading;
      const id = { epoch, shard, number };
      readers.push(new SegmentReader(files, { directory, id, secretCheck, buffer }));
    }
    return new LogWalk(reading, readers).run();
  } finally {
    for (const reader of readers) reader.close();
  }
}

class LogWalk {
  readonly #reading: LogReading;
  readonly #readers: readonly SegmentReader[];
  /** By segment: lowest first sequence of all later ones. */
  readonly #limits: readonly number[];
  /** Where each segment read stands: its last sequence. */
  readonly #ends: { readonly number: number; readonly sequence: number }[] = [];
  #expected: number;
  #synced: number;
  #batches = 0;
  #entries = 0;
  #bytes = 0;
  #lastTimeMs = 0;

  constructor(reading: LogReading, readers: readonly SegmentReader[]) {
    this.#reading = reading;
    this.#readers = readers;
    this.#limits = readers.map((_, index) => firstSequenceAfter(readers, index));
    this.#expected = reading.base.firstSequence;
    // Before a snapshot gets into the manifest, the log up to its end is synced.
    this.#synced = Math.max(...reading.source.bases.map((base) => base.lastSequence));
  }

  run(): LogOutcome {
    let found: LogBreak | undefined;
    for (let index = 0; index < this.#readers.length && found === undefined; index += 1) {
      found = this.#readSegment(index);
    }
    if (found === undefined && this.#synced >= this.#expected) found = this.#missingEnd();
    return {
      batches: this.#batches,
      entries: this.#entries,
      bytes: this.#bytes,
      nextSequence: this.#expected,
      lastTimeMs: this.#lastTimeMs,
      unsynced: this.#ends
        .filter(({ sequence }) => sequence > this.#synced)
        .map(({ number }) => number),
      break: found,
    };
  }

  #readSegment(index: number): LogBreak | undefined {
    const reader = this.#readers[index] as SegmentReader;
    const limit = this.#limits[index] as number;
    const { header } = reader;
    if (header === undefined) {
      // Given up before anything in it counted: the next one goes on where this one should have.
      return limit === this.#expected ? undefined : this.#breakAt(index, 0, reader.damage);
    }
    if (header.firstSequence !== this.#expected)
      return this.#gapBefore(index, header.firstSequence);
    this.#noteSynced(header.firstSequence - 1 - header.backlog);
    while (this.#expected < limit && reader.next()) {
      const { batch } = reader;
      if (batch.sequence !== this.#expected) {
        reader.seek(reader.batchOffset);
        break;
      }
      this.#apply(reader);
    }
    this.#bytes += reader.offset;
    this.#ends.push({ number: reader.id.number, sequence: this.#expected - 1 });
    if (this.#expected === limit) return undefined;
    if (!reader.isAtEnd) return this.#breakAt(index, reader.offset, 'there is no whole batch here');
    if (limit === Infinity) return undefined;
    return this.#breakAt(index, reader.offset, 'it ends before the next segment begins');
  }

  #apply(reader: SegmentReader): void {
    const { batch } = reader;
    const problem = this.#reading.onBatch(reader);
    if (problem !== undefined) {
      const { file, batchOffset: offset } = reader;
      const text = `${file} is damaged at offset ${offset}: in batch ${batch.sequence}, ${problem}`;
      throw new DamagedFileError(text, { file, offset });
    }
    this.#noteSynced(batch.synced);
    if (batch.timeMs > this.#lastTimeMs) this.#lastTimeMs = batch.timeMs;
    this.#batches += 1;
    this.#entries += batch.entries;
    this.#expected += 1;
  }

  #noteSynced(sequence: number): void {
    if (sequence > this.#synced) this.#synced = sequence;
  }

  /** A segment begins with another batch than the one that is next: the first one only. */
  #gapBefore(index: number, firstSequence: number): LogBreak {
    const isEarly = firstSequence < this.#expected;
    return this.#breakAt(
      index,
      0,
      isEarly
        ? `it begins with batch ${firstSequence}, too early`
        : `what comes before batch ${firstSequence} is missing`,
    );
  }

  /** All segments end cleanly, but there were more of them, or this one was longer. */
  #missingEnd(): LogBreak {
    const last = this.#readers.at(-1);
    const { epoch, shard } = this.#reading.source;
    return {
      kind: 'damaged',
      file: last?.file ?? logPath({ epoch, shard, number: this.#reading.base.logFrom }),
      offset: last?.offset ?? 0,
      detail: last === undefined ? 'it is missing' : 'it ends too early',
      sequence: this.#expected,
      synced: this.#synced,
      laterBatches: 0,
      laterEntries: 0,
      lastSequence: this.#synced,
      bytes: 0,
      removes: [],
      truncates: undefined,
    };
  }

  /** Looks at all that follows the break, and judges it. */
  #breakAt(index: number, offset: number, detail: string): LogBreak {
    const broken = this.#readers[index] as SegmentReader;
    const later = new LaterBatches(this.#expected);
    for (const reader of this.#readers.slice(index)) {
      if (reader === broken) reader.seek(Math.max(offset, reader.offset));
      later.read(reader);
    }
    const synced = Math.max(this.#synced, later.synced);
    const keepsBroken = offset > 0;
    // A header lies in one sector, so a cut leaves it whole or not at all, and a failed write leaves
    // its beginning. One that is wrong in any other way was right once.
    const isDamaged = broken.damage !== '' && !broken.isUnfinished;
    const removed = this.#readers.slice(keepsBroken ? index + 1 : index);
    const bytes = this.#readers
      .slice(index + 1)
      .reduce((sum, reader) => sum + reader.size, Math.max(0, broken.size - offset));
    return {
      kind: isDamaged || synced >= this.#expected ? 'damaged' : 'torn',
      file: broken.file,
      offset,
      detail,
      sequence: this.#expected,
      synced,
      laterBatches: later.batches,
      laterEntries: later.entries,
      lastSequence: Math.max(later.lastSequence, synced),
      bytes,
      removes: removed.map(({ id }) => id.number).reverse(),
      truncates: keepsBroken ? { number: broken.id.number, offset } : undefined,
    };
  }
}

/** What lies behind a break. */
class LaterBatches {
  batches = 0;
  entries = 0;
  synced = 0;
  lastSequence: number;

  /** @param sequence of the batch that is missing. */
  constructor(sequence: number) {
    this.lastSequence = sequence - 1;
  }

  read(reader: SegmentReader): void {
    const { header } = reader;
    if (header !== undefined) {
      this.synced = Math.max(this.synced, header.firstSequence - 1 - header.backlog);
    }
    while (reader.find()) {
      const { batch } = reader;
      if (batch.sequence <= this.lastSequence) continue;
      this.lastSequence = batch.sequence;
      this.synced = Math.max(this.synced, batch.synced);
      this.batches += 1;
      this.entries += batch.entries;
    }
  }
}

function firstSequenceAfter(readers: readonly SegmentReader[], index: number): number {
  return readers
    .slice(index + 1)
    .reduce((lowest, { header }) => Math.min(lowest, header?.firstSequence ?? Infinity), Infinity);
}
