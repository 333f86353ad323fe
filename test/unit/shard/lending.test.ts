/** When a shard may be borrowed and when not, and what it does before and after. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Config } from '../../../src/config/options.js';
import type { ShardReport } from '../../../src/config/shard-messages.js';
import { SharedMemory, SPARE_FRAMES } from '../../../src/memory/shared-memory.js';
import { newGarbageCollector } from '../../../src/shard/collector.js';
import type { LendingIo } from '../../support/lending-io.js';
import { LentShard } from '../../support/lending-shard.js';
import { sessionKey } from '../../support/shard-harness.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const KEY = sessionKey(1);
const OK = 1;
const NOT_DURABLE = 210;
/** Of no structure that there is. */
const STRUCTURE = 15;

const open: LentShard[] = [];
afterEach(() => {
  for (const shard of open.splice(0)) shard.close();
});

interface Lent {
  readonly shard: LentShard;
  readonly io: LendingIo;
}

function lentShard(config: Partial<Config> = {}): Lent {
  const shard = new LentShard({ config });
  open.push(shard);
  return { shard, io: shard.ios[0]! };
}

function loggedShard(config: Partial<Config> = {}): Lent {
  const shard = new LentShard({ config, folder: temporaryFolder() });
  open.push(shard);
  shard.ask(shard.ios[0]!, 'SH_NEW', KEY);
  return { shard, io: shard.ios[0]! };
}

const text = (bytes: number): string => 'v'.repeat(bytes);

/** While the shard sleeps: `hinder` is all that keeps the thread from borrowing it. */
function expectHindered({ shard, io }: Lent, hinder: () => void, unhinder: () => void): void {
  shard.settle();
  shard.sleep(() => {
    expect(io.ask('SH_NEW', sessionKey(77)).status).toBe(OK);
    hinder();
    io.push('SH_END', sessionKey(77));
    io.publish();
    expect(io.borrower!.tryTurn()).toBe(false);
    expect(io.replies()).toEqual([]);
    expect(shard.counter('sessions')).toBeGreaterThan(0);
    unhinder();
    expect(io.borrower!.tryTurn()).toBe(true);
    expect(io.only().status).toBe(OK);
  });
}

/** Takes all frames but so many. @returns what gives them back. */
function fill(memory: SharedMemory, leavingFrames: number): () => void {
  const pages: number[] = [];
  while (memory.freeFrames > leavingFrames) pages.push(memory.allocate(STRUCTURE, pages.length));
  return () => {
    for (const page of pages) memory.release(page);
  };
}

describe('an I/O thread may not borrow a shard', () => {
  test('that is awake', () => {
    const lent = lentShard();
    const { lease } = lent.shard;
    expectHindered(
      lent,
      () => lease!.acquire(),
      () => lease!.release(),
    );
  });

  test('that another one has borrowed', () => {
    const lent = lentShard();
    const { lease } = lent.shard;
    expectHindered(
      lent,
      () => expect(lease!.borrow()).toBe(true),
      () => lease!.giveBack(),
    );
  });

  test.each(['sessions', 'default map'])('without frames to spare for the %s', (name) => {
    const lent = lentShard();
    const { sessions, defaults } = lent.shard.states;
    const { memory } = name === 'sessions' ? sessions : defaults!.state;
    let empty = (): void => undefined;
    expectHindered(
      lent,
      () => (empty = fill(new SharedMemory(memory.handles()), 100)),
      () => empty(),
    );
  });

  test('while its log fails', () => {
    const lent = loggedShard();
    const { board } = lent.shard.storage!;
    expectHindered(
      lent,
      () => (board.isFailing = true),
      () => (board.isFailing = false),
    );
  });

  test.each(['SH_END_ALL', 'SH_LIST', 'SH_FIND', 'SH_UPDATE', 'SH_BATCH', 'SH_END_ID'])(
    'for a command that may take long: %s',
    (name) => {
      const { shard, io } = lentShard();
      shard.sleep(() => {
        io.push(name, KEY);
        expect(io.flush()).toBe(false);
      });
      shard.settle();
      expect(io.replies()).toHaveLength(1);
    },
  );

  test('while main syncs its log', () => {
    const lent = loggedShard();
    const { board } = lent.shard.storage!;
    expectHindered(
      lent,
      () => (board.isSyncing = true),
      () => (board.isSyncing = false),
    );
  });

  test('whose replies it has not taken', () => {
    const { shard, io } = lentShard();
    io.push('SH_NEW', KEY);
    io.publish();
    shard.sleep(() => {
      io.push('SH_SET', KEY, { keys: { a: 1 } });
      expect(io.flush()).toBe(false);
      expect(io.borrower!.tryTurn()).toBe(false);
      expect(io.only().id).toBe(1);
      expect(io.borrower!.tryTurn()).toBe(true);
      expect(io.only().id).toBe(2);
    });
  });

  test('that has commands of this thread before it, of which it has been told', () => {
    const { shard, io } = lentShard();
    shard.sleep(() => {
      io.push('SH_NEW', KEY);
      io.publish();
      io.push('SH_SET', KEY, { keys: { a: 1 } });
      expect(io.flush()).toBe(false);
      expect(io.replies()).toEqual([]);
    });
    shard.settle();
    expect(io.replies().map(({ status }) => status)).toEqual([OK, OK]);
  });

  test('that has never said where its memory is', () => {
    const { shard, io } = lentShard();
    shard.lease!.release();
    io.push('SH_NEW', KEY);
    expect(io.flush()).toBe(false);
    expect(shard.lease!.borrow()).toBe(true);
    shard.lease!.release();
    shard.lease!.acquire();
    shard.turn();
    expect(io.only().status).toBe(OK);
    shard.sleep(() => expect(io.ask('SH_COUNT', KEY).status).toBe(OK));
  });

  test('that has more memory than the thread has been told, until it has', () => {
    const { shard, io } = lentShard();
    const { memory } = shard.states.sessions;
    shard.sleep(() => io.ask('SH_NEW', KEY, { keys: { a: 1 } }));
    fill(memory, 10);
    shard.sleep(() => {
      // As if it had not arrived yet.
      expect(io.lenderReports()).toHaveLength(1);
      io.push('SH_COUNT', KEY);
      expect(io.flush()).toBe(false);
    });
    shard.settle();
    expect(io.only().body).toEqual({ cnt: 1 });
    fill(memory, 10);
    shard.sleep(() => {
      expect(io.ask('SH_SET', KEY, { keys: { b: text(30_000) } }).status).toBe(OK);
      expect(io.ask('SH_COUNT', KEY).body).toEqual({ cnt: 2 });
    });
    const { body } = shard.ask(io, 'SH_GET', KEY, { keys: ['b'] });
    expect(body).toEqual({ keys: { b: text(30_000) } });
  });

  test('whose log has no segment yet', () => {
    const shard = new LentShard({ folder: temporaryFolder() });
    open.push(shard);
    const io = shard.ios[0]!;
    shard.sleep(() => {
      io.push('SH_NEW', KEY);
      expect(io.flush()).toBe(false);
    });
    shard.turn();
    expect(io.only().status).toBe(OK);
    shard.sleep(() => expect(io.ask('SH_SET', KEY, { keys: { a: 1 } }).status).toBe(OK));
    expect(shard.describeRecovered()).toEqual(shard.describe());
  });

  test('whose segment of the log is about to end', () => {
    const { shard, io } = loggedShard({ segmentBytes: 4 << 20 });
    const value = text(100_000);
    const lent: boolean[] = [];
    for (let n = 0; n < 60; n += 1) {
      shard.sleep(() => {
        io.push('SH_SET', KEY, { keys: { a: value } });
        lent.push(io.flush());
      });
      shard.turn();
      expect(io.only().status).toBe(OK);
    }
    // Lent, then not, and lent again after the shard has begun another segment.
    expect(lent.filter((isLent, n) => isLent !== lent[n - 1]).slice(0, 3)).toEqual([
      true,
      false,
      true,
    ]);
    const ended = shard.reports.filter((report) => report.type === 'segment' && report.isClosed);
    expect(ended).toHaveLength(shard.storage!.log.segmentNumber - 1);
    expect(shard.describeRecovered()).toEqual(shard.describe());
  });

  test('that has not heard yet of a sync that failed', () => {
    const { shard, io } = loggedShard();
    const { board, log } = shard.storage!;
    shard.sleep(() => {
      io.ask('SH_SET', KEY, { keys: { a: 1 } });
      board.countSyncFailure();
      io.push('SH_SET', KEY, { keys: { b: 2 } });
      expect(io.flush()).toBe(false);
    });
    shard.turn();
    expect(io.only().status).toBe(NOT_DURABLE);
    shard.sleep(() => {
      io.push('SH_COUNT', KEY);
      expect(io.flush()).toBe(false);
    });
    shard.turn();
    expect(io.only().body).toEqual({ cnt: 1 });
    // What is lost is in a snapshot now, and the log goes on in another segment.
    board.snapshotDone = log.segmentNumber;
    shard.clock.advance(1_000);
    shard.settle();
    expect(typesOf(shard.reports).slice(-2)).toEqual(['segment', 'log-healed']);
    shard.sleep(() => expect(io.ask('SH_SET', KEY, { keys: { b: 2 } }).status).toBe(OK));
  });

  test('with sessions that are watched, if there are other I/O threads', () => {
    const { shard, io } = lentShard({ ioThreads: 2 });
    const other = shard.ios[1]!;
    shard.ask(io, 'SH_NEW', KEY);
    shard.ask(other, 'SH_WATCH', KEY);
    shard.sleep(() => {
      io.push('SH_SET', KEY, { keys: { a: 1 } });
      expect(io.flush()).toBe(false);
    });
    shard.settle();
    other.take();
    expect(other.pushes.map(({ event }) => event)).toEqual(['set']);
    expect(io.only().status).toBe(OK);
    shard.ask(io, 'SH_END', KEY);
    shard.sleep(() => expect(io.ask('SH_NEW', KEY).status).toBe(OK));
  });

  test('that is not lent', () => {
    const { shard, io } = lentShard({ lend: 'never' });
    expect(shard.lease).toBeUndefined();
    expect(io.borrower).toBeUndefined();
    shard.sleep(() => {
      io.push('SH_END', KEY);
      expect(io.flush()).toBe(false);
    });
    shard.settle();
    expect(io.replies()).toHaveLength(1);
  });
});

describe('Lending', () => {
  test('gives the lease up for as long as the shard sleeps', () => {
    const { shard, io } = lentShard();
    const { lease } = shard;
    shard.sleep(() => {
      io.ask('SH_NEW', KEY);
      expect(lease!.borrow()).toBe(true);
      lease!.giveBack();
    });
    expect(lease!.borrow()).toBe(false);
    io.push('SH_COUNT', KEY);
    expect(io.flush()).toBe(false);
  });

  test('makes sure of frames that a borrower may need', () => {
    const { shard } = lentShard();
    for (const { memory } of [shard.states.sessions, shard.states.defaults!.state]) {
      const empty = fill(memory, 10);
      shard.sleep(() => expect(memory.freeFrames).toBeGreaterThanOrEqual(SPARE_FRAMES));
      empty();
    }
  });

  test('says where the memory is when that has changed, and not otherwise', () => {
    const { shard, io } = lentShard();
    const { memory } = shard.states.sessions;
    const reported = (): number[] => io.lenderReports().map(({ state }) => state);
    shard.settle();
    expect(reported()).toEqual([0, 1]);
    shard.settle();
    expect(reported()).toEqual([]);
    const empty = fill(memory, 10);
    shard.settle();
    expect(reported()).toEqual([0]);
    empty();
    shard.settle();
    expect(reported()).toEqual([0]);
  });

  test('leaves until when the shard sleeps', () => {
    const { shard, io } = lentShard();
    shard.sleep(() => expect(shard.lease!.wakeMs).toBe(shard.clock.nowMs() + 100));
    shard.ask(io, 'SH_NEW', KEY, { expiry: { duration: 0.03, deleteSession: true } });
    shard.sleep(() => expect(shard.lease!.wakeMs).toBe(shard.clock.nowMs() + 30));
  });

  test('makes the shard sweep what borrowers have started, in time', () => {
    const { shard, io } = lentShard();
    shard.sleep(() => {
      io.ask('SH_NEW', KEY, { expiry: { duration: 0.03, deleteSession: true } });
    });
    shard.sleep((sleepMs) => expect(sleepMs).toBe(30));
    shard.clock.advance(30);
    shard.settle();
    expect(shard.counter('sessionsExpired')).toBe(1);
  });

  test('lets the shard sleep no longer than until it may tidy', () => {
    const { shard, io } = lentShard();
    for (let number = 0; number < 1_500; number += 1) {
      const expiry = { duration: 1, deleteSession: true };
      shard.ask(io, 'SH_NEW', sessionKey(number), { expiry });
    }
    shard.clock.advance(1_000);
    shard.sleep((sleepMs) => expect(sleepMs).toBe(25));
    expect(shard.counter('sessionsExpired')).toBe(1_500);
    shard.clock.advance(25);
    shard.sleep((sleepMs) => expect(sleepMs).toBe(100));
  });

  test('makes the shard tidy up after borrowers', () => {
    const { shard, io } = lentShard();
    const { memory, keys } = shard.states.sessions;
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, text(900)]));
    shard.ask(io, 'SH_NEW', KEY, { keys: many });
    shard.sleep(() => {
      io.ask('SH_CLEAR', KEY);
      expect(keys.big.hasGarbage).toBe(true);
    });
    shard.settle();
    expect(keys.big.hasGarbage).toBe(false);
    // Records that are not garbage, but holes: for these it looks after many commands.
    const numbers = Array.from({ length: 2_000 }, (_, n) => n + 10);
    shard.sleep(() => {
      for (const n of numbers) io.ask('SH_NEW', sessionKey(n), { keys: { a: text(1_000) } });
    });
    shard.settle();
    const pages = memory.pageCount;
    shard.sleep(() => {
      for (const n of numbers.slice(200)) io.ask('SH_END', sessionKey(n));
    });
    shard.settle();
    expect(memory.pageCount).toBeLessThan(pages / 2);
  });

  test('holds a borrower to no memory that the shard has given up', async () => {
    const { shard, io } = lentShard();
    const { memory } = shard.states.sessions;
    const empty = fill(memory, 10);
    fill(memory, 0);
    const seen = new WeakRef(await firstExtentSeen(io, () => shard.settle()));
    shard.sleep(() => io.ask('SH_NEW', KEY));
    empty();
    shard.ask(io, 'SH_END_ALL', undefined);
    shard.settle();
    // By its event loop, for it may not borrow the shard again for hours.
    const collect = newGarbageCollector();
    await vi.waitFor(() => {
      collect();
      expect(seen.deref() === undefined).toBe(true);
    }, 10_000);
    shard.sleep(() => expect(io.ask('SH_NEW', KEY).status).toBe(OK));
  });
});

/** The other side's view of the extents, as it gets it by its event loop. */
async function firstExtentSeen(io: LendingIo, lend: () => void): Promise<SharedArrayBuffer> {
  const reports = io.nextLenderReport(0);
  lend();
  const { handles } = await reports;
  return handles.extents[0]!;
}

function typesOf(reports: readonly ShardReport[]): string[] {
  return reports.map(({ type }) => type);
}
