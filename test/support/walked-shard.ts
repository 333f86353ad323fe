/**
 * A shard with a log in memory and walks over it, driven step by step; what a walk and the log after
 * it say can be put together again as another shard, as a recovery does.
 */
import type { WalkChunk, WalkEnd, WalkSelection } from '../../src/config/walk-messages.js';
import { ByteSpace } from '../../src/core/copy.js';
import { Walks, type WalkSizes } from '../../src/shard/walk.js';
import { applyEntries } from '../../src/state/apply.js';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { ShardHarness } from './shard-harness.js';

interface Batch {
  readonly segment: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** What a walk has sent so far, and its end. */
export interface WalkOutcome {
  readonly chunks: WalkChunk[];
  end: WalkEnd | undefined;
}

export class WalkedShard {
  readonly shard = new ShardHarness();
  readonly walks: Walks;
  readonly outcomes = new Map<number, WalkOutcome>();
  /** Chunks sent, and those that main would have counted as done. */
  chunksSent = 0;
  chunksDone = 0;
  /** That the shard has executed so far, as the walks are told. */
  commands = 0;
  isLogFailing = false;
  /** How far the walks' clock goes on at each look, of which there is one a step. */
  msPerLook = 1;
  /** Sees each chunk as it is sent. */
  onChunk: ((chunk: WalkChunk) => void) | undefined;
  readonly #effects = new EffectBuffer();
  readonly #log: Batch[] = [];
  #segment = 1;
  #clockMs = 0;

  constructor(sizes: WalkSizes) {
    const { shard } = this;
    shard.sessions.effects = this.#effects;
    shard.defaults.state.effects = this.#effects;
    const sequence = (): number => this.#log.length;
    const isFailing = (): boolean => this.isLogFailing;
    this.walks = new Walks({
      sessions: shard.sessions,
      defaults: shard.defaults,
      clock: { nowMs: () => (this.#clockMs += this.msPerLook) },
      log: {
        get sequence() {
          return sequence();
        },
        get isFailing() {
          return isFailing();
        },
        beginSegment: () => (this.#segment += 1),
      },
      chunksDone: () => this.chunksDone,
      commandsSoFar: () => this.commands,
      report: (report) => {
        const outcome = this.outcomes.get(report.id)!;
        if (report.type === 'walked') outcome.end = report;
        else {
          this.onChunk?.(report);
          // The bytes are its own no longer than until they are done with.
          outcome.chunks.push({ ...report, bytes: report.bytes.slice() });
          this.chunksSent += 1;
        }
      },
      sizes,
    });
  }

  start(id: number, purpose: 'snapshot' | 'save', what: WalkSelection = 'all'): WalkOutcome {
    const outcome: WalkOutcome = { chunks: [], end: undefined };
    this.outcomes.set(id, outcome);
    this.walks.take({ type: 'walk', id, purpose, what });
    return outcome;
  }

  /** Writes what the last commands changed to the log, as a turn does before its replies. */
  flush(): void {
    const { isEmpty, start, length, space } = this.#effects;
    if (isEmpty) return;
    const bytes = space.bytes.slice(start, length);
    this.#log.push({ segment: this.#segment, sequence: this.#log.length + 1, bytes });
    this.#effects.clear();
  }

  /** Slices until nothing is left to do, all chunks being done at once. */
  finishWalks(): void {
    for (;;) {
      this.chunksDone = this.chunksSent;
      // Rests are left out.
      if (this.walks.resumeMs === Infinity) return;
      this.walks.slice(false);
    }
  }

  /** What a walk sent, and the log from the segment begun with it, as another shard of this moment. */
  recovered(outcome: WalkOutcome): ShardHarness {
    const shard = new ShardHarness();
    const nowMs = this.shard.clock.nowMs();
    shard.clock.set(nowMs);
    for (const chunk of outcome.chunks) apply(shard, new Uint8Array(chunk.bytes));
    const from = outcome.end!.logStart;
    const batches = this.#log.filter(({ segment }) => segment >= from.segment);
    if (batches.some(({ sequence }) => sequence < from.sequence)) {
      throw new Error('the segment begins before the sequence it was said to begin with');
    }
    for (const { bytes } of batches) apply(shard, bytes);
    shard.sessions.endRecovery(nowMs);
    return shard;
  }
}

/** The chunks of a walk alone, as another shard of a given moment. */
export function shardFromChunks(outcome: WalkOutcome, nowMs: number): ShardHarness {
  const shard = new ShardHarness();
  shard.clock.set(nowMs);
  for (const chunk of outcome.chunks) apply(shard, new Uint8Array(chunk.bytes));
  shard.sessions.beginTurn(nowMs);
  return shard;
}

function apply(shard: ShardHarness, bytes: Uint8Array): void {
  const space = new ByteSpace(bytes.buffer, bytes.byteOffset, bytes.length);
  const target = { sessions: shard.sessions, defaults: shard.defaults, ownsSlot: () => true };
  const { problem } = applyEntries(target, space, 0, bytes.length);
  if (problem !== undefined) throw new Error(problem);
}
