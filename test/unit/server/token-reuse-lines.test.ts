import { expect, test } from 'vitest';
import type { ReuseReport } from '../../../src/config/shard-messages.js';
import { SharedManualClock } from '../../../src/core/clock.js';
import { logTokenReuses } from '../../../src/server/token-reuse-lines.js';

/** One of the threads that run a shard's turns. */
class Thread {
  #listener: (message: unknown) => void = () => undefined;

  onReport(listener: (message: unknown) => void): void {
    this.#listener = listener;
  }

  report(count: number, shard = 0): void {
    const report: ReuseReport = { type: 'token-reused', shard, id: `id ${shard}`, count };
    this.#listener(report);
  }
}

test('one line a second and shard tells of replaced tokens, whichever thread saw them', () => {
  const [shard, io] = [new Thread(), new Thread()];
  const clock = new SharedManualClock();
  const written: unknown[] = [];
  const note = (_: string, figures?: object): void => void written.push(figures);
  logTokenReuses([shard, io], { info: note, warn: note, error: note }, clock);
  shard.report(1);
  io.report(2);
  io.report(1, 7);
  expect(written).toEqual([
    { shard: 0, id: 'id 0', uses: 1 },
    { shard: 7, id: 'id 7', uses: 1 },
  ]);
  clock.advance(999);
  shard.report(3);
  expect(written).toHaveLength(2);
  clock.advance(1);
  io.report(4);
  expect(written.slice(2)).toEqual([{ shard: 0, id: 'id 0', uses: 9 }]);
});
