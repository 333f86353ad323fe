/**
 * A shard's log with a known history: which state each batch leads to. Turns change sessions through
 * a ShardState, as commands do.
 */
import { SharedManualClock } from '../../src/core/clock.js';
import { ByteSpace } from '../../src/core/copy.js';
import type { DataDirectory } from '../../src/storage/data-directory.js';
import { openDataDirectory } from '../../src/storage/data-directory.js';
import type { HostFacts } from '../../src/storage/host-facts.js';
import { type ManifestSnapshot, withSnapshot } from '../../src/storage/manifest.js';
import { recoverShard, type RecoveryOutcome } from '../../src/storage/recovery.js';
import type { RecoveryPlan } from '../../src/storage/recovery-plan.js';
import { ShardBoard } from '../../src/storage/shard-board.js';
import { type FsyncChoice, type SegmentReport, ShardLog } from '../../src/storage/shard-log.js';
import { snapshotPath } from '../../src/storage/file-names.js';
import { appendChunk, createSnapshot, finishSnapshot } from '../../src/storage/snapshot-file.js';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { encodeSession } from '../../src/state/encode-session.js';
import { VERSION_WORD } from '../../src/state/layout.js';
import { describeStates, emptyStates, type States } from './replay.js';
import type { MemoryFiles } from './memory-files.js';

export const DIRECTORY = '/data';
export const START_MS = 1_800_000_000_000;

/** A process that no other one is. */
export function hostFacts(pid = 1, alive: ReadonlyMap<number, string> = new Map()): HostFacts {
  return {
    self: { pid, startTime: '77', bootId: 'boot', pidNamespace: 'pid:[1]', host: 'here' },
    startTimeOf: (other) => alive.get(other),
  };
}

export interface Recovered {
  readonly outcome: RecoveryOutcome;
  readonly lines: readonly string[];
}

let usedStates: States | undefined;

/** States as good as new, but quicker had than new ones. */
function reusedStates(): States {
  const states = usedStates ?? emptyStates(START_MS);
  usedStates = states;
  states.sessions.dropAll();
  const { state, row } = states.defaults;
  state.keys.clear(row);
  state.rows.setWord(row, VERSION_WORD, 0);
  return states;
}

/** What a start finds, with the state as lines. */
export function recover(
  files: MemoryFiles,
  plan: RecoveryPlan,
  states: States = reusedStates(),
): Recovered {
  const target = { sessions: states.sessions, defaults: states.defaults };
  const outcome = recoverShard({ files, directory: DIRECTORY, plan, target, nowMs: 0 });
  return { outcome, lines: describeStates(states, START_MS) };
}

export class LogStory {
  readonly files: MemoryFiles;
  readonly directory: DataDirectory;
  readonly board = new ShardBoard();
  readonly reports: SegmentReport[] = [];
  readonly log: ShardLog;
  readonly states: States;
  /** By sequence: the state after that batch; at 0 the empty one. */
  readonly history: string[][] = [];
  #nowMs = START_MS;

  constructor(
    files: MemoryFiles,
    options: {
      readonly fsync?: FsyncChoice;
      readonly segmentBytes?: number;
      readonly pid?: number;
    } = {},
  ) {
    this.files = files;
    this.directory = openDataDirectory({
      files,
      path: DIRECTORY,
      host: hostFacts(options.pid),
      shards: 1,
      nowMs: START_MS,
    });
    this.states = emptyStates(START_MS);
    const plan = this.plan;
    const { outcome, lines } = recover(files, plan, this.states);
    this.history[outcome.nextSequence - 1] = [...lines];
    this.log = new ShardLog({
      files,
      directory: DIRECTORY,
      epoch: plan.epoch,
      shard: 0,
      shards: 1,
      secretCheck: plan.secretCheck,
      begin: { nextSegment: outcome.nextSegment, nextSequence: outcome.nextSequence },
      fsync: options.fsync ?? 'always',
      segmentBytes: options.segmentBytes ?? 1 << 20,
      board: this.board,
      clock: new SharedManualClock(),
      onSegment: (report) => this.reports.push(report),
    });
    this.states.sessions.effects = this.log.effects;
    this.states.defaults.state.effects = this.log.effects;
  }

  get plan(): RecoveryPlan {
    return this.directory.recoveryPlans()[0]!;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  /** One change, not flushed: session `number` gets a key with so many bytes. */
  change(number: number, valueBytes = 8): void {
    const { sessions } = this.states;
    const digest = Int32Array.of(number, 2, 3, 4);
    const found = sessions.find(digest, 0, number & 1023);
    const row = found < 0 ? sessions.create(digest, 0, number & 1023, false) : found;
    const pair = pairSpace(this.log.sequence + 1, valueBytes);
    sessions.set(row, pair, 0, 1, 1, pair.bytes.length - 1);
    sessions.wrote(row);
    if (found < 0) sessions.started(row);
  }

  /** A change and its flush; tells whether it is durable. */
  turn(number: number, valueBytes = 8): boolean {
    this.change(number, valueBytes);
    return this.flush();
  }

  flush(): boolean {
    this.#nowMs += 10;
    const isDurable = this.log.flush(this.#nowMs);
    if (isDurable) this.history[this.log.sequence] = describeStates(this.states, START_MS);
    return isDurable;
  }

  /** What main does with everysec: all that is written is on the disk, and the shard may know. */
  sync(): void {
    const low = this.board.writtenLow;
    for (const { fd } of this.reports) if (fd >= 0) this.files.sync(fd);
    this.board.syncedLow = low;
  }

  /** A snapshot of this moment, in the manifest. */
  snapshot(): ManifestSnapshot {
    const { epoch, secretCheck } = this.plan;
    const firstSequence = this.log.sequence + 1;
    const logFrom = this.log.beginSegment();
    const file = snapshotPath({ epoch, shard: 0, number: logFrom });
    let progress = createSnapshot(this.files, {
      directory: DIRECTORY,
      file,
      header: {
        ...{ kind: 'snapshot', epoch, shard: 0, shards: 1, number: logFrom },
        ...{ createdMs: START_MS, firstSequence, backlog: 0, secretCheck },
      },
    });
    const { sessions } = this.states;
    const { rows } = sessions;
    for (let row = 0; row < rows.pool.end; row += 1) {
      if (!rows.isLive(row)) continue;
      const chunk = new EffectBuffer();
      encodeSession(sessions, row, chunk);
      const entries = chunk.space.bytes.slice(chunk.start, chunk.length);
      progress = appendChunk(this.files, progress, entries, 1, sessions.keys.countOf(row));
    }
    const figures = finishSnapshot(this.files, progress);
    const lastSequence = this.log.sequence;
    const snapshot = { ...figures, file, logFrom, firstSequence, lastSequence };
    this.directory.swapManifest(withSnapshot(this.directory.manifest, 0, snapshot));
    this.log.snapshotDone(logFrom);
    return snapshot;
  }
}

/** A key of one byte and a bin of so many. */
function pairSpace(seed: number, valueBytes: number): ByteSpace {
  const space = new ByteSpace(new ArrayBuffer(6 + valueBytes));
  space.bytes[0] = 97 + (seed % 26);
  space.bytes[1] = 0xc6;
  space.view.setUint32(2, valueBytes);
  for (let at = 0; at < valueBytes; at += 1) space.bytes[6 + at] = (seed * 31 + at * 7) & 255;
  return space;
}
