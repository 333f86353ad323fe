import { beforeEach, describe, expect, test } from 'vitest';
import { Collector } from '../../../src/shard/collector.js';
import { SharedManualClock } from '../../../src/core/clock.js';

const QUIET_MS = 250;
const OWED_MS_MAX = 30_000;

let clock: SharedManualClock;
let commands = 0;
let collections = 0;
let collector: Collector;
beforeEach(() => {
  clock = new SharedManualClock();
  clock.set(1_000_000);
  commands = 0;
  collections = 0;
  collector = new Collector({
    clock,
    commands: () => commands,
    collect: () => void (collections += 1),
  });
});

/** Looks every 100 ms for so long, a command between any two looks if it is busy. */
function pass(ms: number, isBusy: boolean): void {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.advance(100);
    if (isBusy) commands += 1;
    collector.tick();
  }
}

describe('Collector', () => {
  test('does nothing while nothing is owed', () => {
    pass(OWED_MS_MAX * 2, false);
    expect(collections).toBe(0);
  });

  test('collects once commands have stayed away for a while, and once only', () => {
    pass(1_000, true);
    collector.owe();
    expect(collector.tick()).toBe(true);
    pass(QUIET_MS - 100, true);
    expect(collections).toBe(0);
    pass(QUIET_MS + 100, false);
    expect(collections).toBe(1);
    expect(collector.tick()).toBe(false);
    pass(OWED_MS_MAX * 2, false);
    expect(collections).toBe(1);
  });

  test('waits no longer than half a minute for a quiet moment, however much more is owed', () => {
    collector.owe();
    for (let second = 0; second < 29; second += 1) {
      collector.owe();
      pass(1_000, true);
    }
    expect(collections).toBe(0);
    pass(2_000, true);
    expect(collections).toBe(1);
  });
});
