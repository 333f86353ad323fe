/** A shard whose changes gather in a buffer, to be compared with what a recovery makes of them. */
import { expect } from 'vitest';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { apply, describeStates, emptyStates, entriesOf } from './replay.js';
import { type HarnessOptions, ShardHarness, START_MS } from './shard-harness.js';

export interface RecordedShard {
  readonly shard: ShardHarness;
  readonly effects: EffectBuffer;
  /** A replay of all entries gives the same sessions, keys in the same order. */
  expectSameAfterReplay(): void;
}

export function recordedShard(options: HarnessOptions = {}): RecordedShard {
  const shard = new ShardHarness(options);
  const effects = new EffectBuffer();
  shard.sessions.effects = effects;
  shard.defaults.state.effects = effects;
  const expectSameAfterReplay = (): void => {
    const states = emptyStates(START_MS);
    apply(states, entriesOf(effects));
    const nowMs = shard.clock.nowMs();
    expect(describeStates(states, nowMs)).toEqual(describeStates(shard, nowMs));
  };
  return { shard, effects, expectSameAfterReplay };
}
