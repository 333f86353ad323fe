/** What becomes of changes that a borrower has made and could not log: the shard does. */
import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/options.js';
import type { ShardReport } from '../../../src/config/shard-messages.js';
import { CREATED } from '../../../src/ring/event-ring.js';
import type { LendingIo } from '../../support/lending-io.js';
import { LentShard } from '../../support/lending-shard.js';
import { sessionKey } from '../../support/shard-harness.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const KEY = sessionKey(1);
const OK = 1;
const NOT_DURABLE = 210;

const open: LentShard[] = [];
afterEach(() => {
  for (const shard of open.splice(0)) shard.close();
});

/** With a session, and so with a segment of its log. */
function loggedShard(
  config: Partial<Config> = {},
  shards = 1,
): { shard: LentShard; io: LendingIo } {
  const shard = new LentShard({ config, shards, folder: temporaryFolder() });
  open.push(shard);
  shard.ask(shard.ios[0]!, 'SH_NEW', KEY);
  return { shard, io: shard.ios[0]! };
}

const text = (bytes: number): string => 'v'.repeat(bytes);

describe('what a borrower cannot log', () => {
  /** From here on writes to the segment fail. @returns what ends that. */
  function failLog(shard: LentShard): () => void {
    const { board } = shard.storage!;
    const { descriptor } = board;
    const folder = join(shard.folder!, 'log');
    board.descriptor = openSync(join(folder, readdirSync(folder)[0]!), 'r');
    return () => {
      closeSync(board.descriptor);
      board.descriptor = descriptor;
    };
  }

  function heal(shard: LentShard): void {
    shard.clock.advance(100);
    shard.settle();
  }

  test('is answered 210, and the shard logs it later', () => {
    const { shard, io } = loggedShard();
    shard.ask(io, 'SH_NEW', sessionKey(2), { keys: { a: 1 } });
    const end = shard.sleep(() => {
      const end = failLog(shard);
      const rung = shard.bell.count();
      io.push('SH_SET', KEY, { keys: { a: 1 } });
      io.push('SH_GET', sessionKey(2), { keys: ['a'] });
      io.push('SH_NEW', sessionKey(3), { keys: { b: text(9_000) } });
      io.push('KV_SET', undefined, { keys: { c: 1 } });
      expect(io.flush()).toBe(true);
      expect(io.replies().map(({ status }) => status)).toEqual([
        NOT_DURABLE,
        OK,
        NOT_DURABLE,
        NOT_DURABLE,
      ]);
      // The shard must see to it.
      expect(shard.bell.count()).toBe(rung + 1);
      expect(shard.storage!.board.isFailing).toBe(true);
      io.push('SH_SET', KEY, { keys: { d: 1 } });
      expect(io.flush()).toBe(false);
      return end;
    });
    expect(shard.storage!.log.effects.entries).toBe(3);
    shard.turn();
    expect(io.only().status).toBe(NOT_DURABLE);
    end();
    heal(shard);
    expect(shard.storage!.log.effects.isEmpty).toBe(true);
    expect(shard.ask(io, 'SH_GET_ALL', KEY).body).toEqual({ keys: { a: 1 } });
    expect(shard.describeRecovered()).toEqual(shard.describe());
    expect(shard.counter('notDurable')).toBe(4);
  });

  test('is told to main once, and once that the log is well again', () => {
    const { shard, io } = loggedShard();
    shard.reports.length = 0;
    shard.sleep(() => {
      const end = failLog(shard);
      io.ask('SH_SET', KEY, { keys: { a: 1 } });
      end();
    });
    expect(shard.reports).toEqual([{ type: 'log-failing', reason: 'EBADF' }]);
    shard.turn();
    heal(shard);
    shard.sleep(() => expect(io.ask('SH_SET', KEY, { keys: { a: 2 } }).status).toBe(OK));
    shard.settle();
    expect(typesOf(shard.reports)).toEqual(['log-failing', 'log-healed']);
    expect(shard.counter('logFailures')).toBe(1);
    shard.sleep(() => {
      const end = failLog(shard);
      io.ask('SH_SET', KEY, { keys: { a: 3 } });
      end();
    });
    heal(shard);
    expect(typesOf(shard.reports).slice(2)).toEqual(['log-failing', 'log-healed']);
    expect(shard.describeRecovered()).toEqual(shard.describe());
  });

  test('is answered 210 the next time, too', () => {
    const { shard, io } = loggedShard();
    for (let round = 0; round < 3; round += 1) {
      shard.sleep(() => {
        const end = failLog(shard);
        expect(io.ask('SH_SET', KEY, { keys: { a: round } }).status).toBe(NOT_DURABLE);
        end();
      });
      heal(shard);
    }
    expect(shard.describeRecovered()).toEqual(shard.describe());
  });

  test('stays before what the shard itself cannot log either', () => {
    const { shard, io } = loggedShard();
    shard.ask(io, 'SH_EXPIRE', KEY, { expiry: { duration: 0.05 } });
    const end = shard.sleep(() => {
      const end = failLog(shard);
      io.ask('SH_SET', KEY, { keys: { a: 1 } });
      return end;
    });
    // Its data goes at its deadline, and that is logged after what it had.
    shard.clock.advance(60);
    shard.turn();
    expect(shard.counter('sessionsCleared')).toBe(1);
    end();
    heal(shard);
    expect(shard.ask(io, 'SH_GET_ALL', KEY).body).toEqual({ keys: {} });
    expect(shard.describeRecovered()).toEqual(shard.describe());
  });

  test('is refused from there on within the turn, and what was taken aside keeps its place', () => {
    const { shard, io } = loggedShard({ ringBytes: 16 << 10 });
    for (const key of ['a', 'b']) shard.ask(io, 'SH_SET', KEY, { keys: { [key]: text(9_000) } });
    shard.sleep(() => {
      const end = failLog(shard);
      io.push('SH_TAKE', KEY, { keys: ['a'] });
      // More than the ring holds, so that the log is asked within the turn.
      for (let n = 0; n < 60; n += 1) io.push('SH_SET', KEY, { keys: { [n]: n } });
      for (let n = 0; n < 6; n += 1) io.push('SH_GET', KEY, { keys: ['b'] });
      expect(io.flush()).toBe(true);
      end();
    });
    const replies = io.replies();
    const lost = replies.slice(0, 61);
    expect(lost.map(({ status }) => status)).toEqual(lost.map(() => NOT_DURABLE));
    const reads = replies.slice(61);
    expect(reads).toHaveLength(6);
    for (const { body } of reads) expect(body).toEqual({ keys: { b: text(9_000) } });
    heal(shard);
    expect(shard.describeRecovered()).toEqual(shard.describe());
  });

  test('is marked as lost for watchers', () => {
    const { shard, io } = loggedShard();
    shard.ask(io, 'SH_WATCH', KEY);
    shard.sleep(() => {
      const end = failLog(shard);
      io.ask('SH_SET', KEY, { keys: { a: 1 } });
      end();
    });
    heal(shard);
    shard.sleep(() => io.ask('SH_SET', KEY, { keys: { a: 2 } }));
    expect(io.pushes.map(({ isLost }) => isLost)).toEqual([true, false]);
  });

  test('is told as events once it is logged', () => {
    const { shard, io } = loggedShard();
    shard.eventKinds();
    shard.sleep(() => {
      const end = failLog(shard);
      io.ask('SH_NEW', sessionKey(2));
      end();
      expect(shard.eventKinds()).toEqual([]);
    });
    heal(shard);
    expect(shard.eventKinds()).toEqual([CREATED]);
  });
});

describe('a borrower that syncs before it answers', () => {
  const always: Partial<Config> = { fsync: 'always' };

  /** From here on the segment takes writes and cannot be synced. */
  function failSync(shard: LentShard): void {
    const { board } = shard.storage!;
    closeSync(board.descriptor);
    board.descriptor = openSync('/dev/null', 'w');
  }

  test('logs like the shard, in turns with it', () => {
    const { shard, io } = loggedShard(always);
    for (let round = 0; round < 4; round += 1) {
      shard.sleep(() => {
        const body = { keys: { [`io ${round}`]: round } };
        expect(io.ask('SH_SET', KEY, body).status).toBe(OK);
      });
      shard.ask(io, 'SH_SET', KEY, { keys: { [`shard ${round}`]: round } });
    }
    expect(shard.describeRecovered()).toEqual(shard.describe());
    expect(shard.counter('lentTurns')).toBe(4);
  });

  test('leaves a segment that cannot be synced, as the shard would', () => {
    const { shard, io } = loggedShard(always);
    const { board } = shard.storage!;
    const { segment } = board;
    shard.sleep(() => {
      failSync(shard);
      expect(io.ask('SH_SET', KEY, { keys: { a: 1 } }).status).toBe(OK);
      expect(board.segment).toBe(segment + 1);
      expect(io.ask('SH_SET', KEY, { keys: { b: 2 } }).status).toBe(OK);
    });
    expect(shard.ask(io, 'SH_SET', KEY, { keys: { c: 3 } }).status).toBe(OK);
    expect(shard.counter('logFailures')).toBe(0);
    expect(shard.describeRecovered()).toEqual(shard.describe());
  });

  test.each([
    [1, 3, 1],
    [2, 0.5, 0.1],
  ])('borrows none of %i shards whose disk takes long, until it is quick again', (...row) => {
    const [shards, slowMs, quickMs] = row;
    const { shard, io } = loggedShard(always, shards);
    const { board } = shard.storage!;
    for (let syncs = 0; syncs < 16; syncs += 1) board.noteSync(slowMs);
    const isLent = (): boolean =>
      shard.sleep(() => {
        io.push('SH_SET', KEY, { keys: { a: 1 } });
        return io.flush();
      });
    expect(isLent()).toBe(false);
    shard.settle();
    expect(io.only().status).toBe(OK);
    for (let syncs = 0; syncs < 32; syncs += 1) board.noteSync(quickMs);
    expect(isLent()).toBe(true);
    expect(io.only().status).toBe(OK);
  });
});

function typesOf(reports: readonly ShardReport[]): string[] {
  return reports.map(({ type }) => type);
}
