import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StorageError } from '../../../src/storage/storage-error.js';
import { DATA, SnapshotWorld } from '../../support/snapshot-world.js';

const LOOK_MS = 250;
const RETRY_MS = 10_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets main look once, and what it begins come to its end. */
async function look(world: SnapshotWorld): Promise<void> {
  vi.advanceTimersByTime(LOOK_MS);
  world.clock.advance(LOOK_MS);
  for (let turn = 0; turn < 500; turn += 1) await new Promise((next) => setImmediate(next));
}

function snapshotsOf(world: SnapshotWorld, shard = 0): (string | null)[] {
  return world.directory.manifest.perShard[shard]!.snapshots.map(({ file }) => file);
}

describe('Snapshots', () => {
  test('takes one of each shard and says what is in them', async () => {
    const world = new SnapshotWorld(2);
    world.shards[0]!.fill(100);
    world.shards[1]!.fill(30);
    const figures = await world.snapshots.takeAll();
    expect(figures).toMatchObject({ sessions: 130, keys: 130 });
    const files = world.list('snapshots').map((file) => `${DATA}/snapshots/${file}`);
    const sizes = files.map((file) => world.files.content(file).length);
    expect(figures.bytes).toBe(sizes[0]! + sizes[1]!);
    expect(world.list('snapshots')).toEqual(['000001-00-00000002.snap', '000001-01-00000002.snap']);
    expect(world.directory.manifest.perShard[0]!.snapshots[0]).toMatchObject({
      file: 'snapshots/000001-00-00000002.snap',
      logFrom: 2,
      firstSequence: 2,
      lastSequence: 1,
      sessions: 100,
    });
    expect(world.shards.map(({ board }) => board.snapshotDone)).toEqual([2, 2]);
  });

  test('keeps the newest two, and the log from the older one on', async () => {
    const world = new SnapshotWorld(1);
    for (let round = 0; round < 4; round += 1) {
      world.shards[0]!.fill(10);
      await world.snapshots.takeAll();
    }
    expect(world.list('snapshots')).toEqual(['000001-00-00000004.snap', '000001-00-00000005.snap']);
    expect(world.list('log')).toEqual(['000001-00-00000004.log']);
    expect(snapshotsOf(world)).toEqual(
      [5, 4].map((number) => `snapshots/000001-00-0000000${number}.snap`),
    );
  });

  test('has snapshot and log on the disk before the manifest names it, and removes after that', async () => {
    const world = new SnapshotWorld(1);
    world.shards[0]!.fill(10);
    await world.snapshots.takeAll();
    world.shards[0]!.fill(10);
    await world.snapshots.takeAll();
    world.files.done.length = 0;
    await world.snapshots.takeAll();
    const orderOf = (done: string): number => {
      const at = world.files.done.indexOf(done);
      expect(at, done).toBeGreaterThanOrEqual(0);
      return at;
    };
    const steps = [
      'sync /data/snapshots/000001-00-00000004.snap.new',
      'rename /data/snapshots/000001-00-00000004.snap',
      'sync /data/snapshots',
      'sync log',
      'rename /data/manifest',
      'remove /data/snapshots/000001-00-00000002.snap',
    ].map(orderOf);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  });

  test.each([
    ['write', '.snap.new', 'ENOSPC'],
    ['sync', '.snap.new', 'EIO'],
    ['open', '.snap.new', 'EMFILE'],
    ['rename', '.snap', 'EIO'],
  ] as const)(
    'that fail (%s of a file %s: %s) change nothing and leave nothing',
    async (operation, ending, code) => {
      const world = new SnapshotWorld(1);
      world.shards[0]!.fill(500);
      const before = snapshotsOf(world);
      world.files.fault = (done, path) =>
        done === operation && path.endsWith(ending) ? { code } : undefined;
      await expect(world.snapshots.takeAll()).rejects.toMatchObject({ code });
      expect(await world.snapshots.answer()).toEqual({ status: 123, body: { m: code } });
      expect(world.list('snapshots')).toEqual([]);
      expect(snapshotsOf(world)).toEqual(before);
      expect(world.lines).toEqual(Array(2).fill(`snapshot failed: ${code}; it is tried again`));
      world.files.fault = () => undefined;
      await expect(world.snapshots.takeAll()).resolves.toMatchObject({ sessions: 500 });
    },
  );

  test('removes nothing while it is not known which manifest is on the disk', async () => {
    const world = new SnapshotWorld(1);
    for (let round = 0; round < 2; round += 1) {
      world.shards[0]!.fill(10);
      await world.snapshots.takeAll();
    }
    world.files.fault = (operation, path) =>
      operation === 'syncDirectory' && path === DATA ? { code: 'EIO' } : undefined;
    await expect(world.snapshots.takeAll()).rejects.toMatchObject({ code: 'EIO' });
    expect(world.list('snapshots')).toHaveLength(3);
  });

  test('are due once the log has grown, and not again before it grows again', async () => {
    const world = new SnapshotWorld(2);
    world.snapshots.start();
    await look(world);
    expect(world.list('snapshots')).toEqual([]);
    world.shards[1]!.fill(200);
    await look(world);
    expect(world.list('snapshots')).toEqual(['000001-01-00000002.snap']);
    await look(world);
    expect(world.list('snapshots')).toHaveLength(1);
  });

  test('are made due by the log since the last one was done, not by what came meanwhile', async () => {
    const world = new SnapshotWorld(1);
    const [shard] = world.shards;
    world.snapshots.start();
    shard!.fill(200);
    shard!.isRunning = false;
    await look(world);
    shard!.fill(200);
    shard!.isRunning = true;
    await look(world);
    await look(world);
    expect(world.list('snapshots')).toEqual(['000001-00-00000002.snap']);
    shard!.fill(200);
    await look(world);
    expect(world.list('snapshots')).toHaveLength(2);
  });

  test('are due where the log has many segments', async () => {
    const world = new SnapshotWorld(1);
    world.snapshots.start();
    for (let segment = 0; segment < 64; segment += 1) world.shards[0]!.log.beginSegment();
    await look(world);
    expect(world.list('snapshots')).toEqual([]);
    world.shards[0]!.log.beginSegment();
    await look(world);
    expect(world.list('snapshots')).toEqual(['000001-00-00000067.snap']);
  });

  test('that failed are tried again ten seconds later, and no sooner', async () => {
    const world = new SnapshotWorld(1);
    world.snapshots.start();
    world.shards[0]!.fill(500);
    world.files.fault = (operation) => (operation === 'write' ? { code: 'ENOSPC' } : undefined);
    await look(world);
    expect(world.lines).toHaveLength(1);
    world.files.fault = () => undefined;
    world.clock.advance(RETRY_MS - 2 * LOOK_MS);
    await look(world);
    await look(world);
    expect(world.list('snapshots')).toEqual([]);
    await look(world);
    expect(world.list('snapshots')).toHaveLength(1);
  });

  test('come at once where a part of the log is lost, and the shard hears of it', async () => {
    const world = new SnapshotWorld(1);
    const [shard] = world.shards;
    world.snapshots.start();
    shard!.fill(20);
    shard!.log.syncFailed();
    expect(shard!.board.neededFrom).toBeGreaterThan(0);
    await look(world);
    shard!.log.snapshotDone(shard!.board.snapshotDone);
    expect(shard!.board.neededFrom).toBe(0);
  });

  test('begun before the loss do not count for it: another one follows', async () => {
    const world = new SnapshotWorld(1);
    const [shard] = world.shards;
    world.snapshots.start();
    shard!.fill(20);
    shard!.isRunning = false;
    const taken = world.snapshots.takeAll();
    await look(world);
    shard!.fill(5);
    shard!.log.syncFailed();
    shard!.isRunning = true;
    await expect(taken).rejects.toThrow('the log cannot be written');
    expect(shard!.board.snapshotDone).toBeLessThan(shard!.board.neededFrom);
    await look(world);
    expect(shard!.board.snapshotDone).toBeGreaterThanOrEqual(shard!.board.neededFrom);
  });

  test('whose log fails meanwhile are not named: only the log makes them agree with themselves', async () => {
    const world = new SnapshotWorld(1);
    const [shard] = world.shards;
    shard!.fill(20);
    const taken = world.snapshots.takeAll();
    shard!.board.isFailing = true;
    await expect(taken).rejects.toThrow('the log cannot be written');
    expect(snapshotsOf(world)).toEqual([null]);
    shard!.board.isFailing = false;
    await expect(world.snapshots.takeAll()).resolves.toMatchObject({ sessions: 20 });
  });

  test('whose log cannot be synced are not named', async () => {
    const world = new SnapshotWorld(1);
    world.shards[0]!.fill(20);
    world.syncFailure = new StorageError('the log could not be synced: EIO');
    await expect(world.snapshots.takeAll()).rejects.toThrow('could not be synced');
    expect(snapshotsOf(world)).toEqual([null]);
    expect(world.list('snapshots')).toEqual([]);
  });

  test('asked for together are one; asked for while one is under way, another follows', async () => {
    const world = new SnapshotWorld(1);
    world.shards[0]!.fill(20);
    const [one, same] = [world.snapshots.takeAll(), world.snapshots.takeAll()];
    for (let turn = 0; turn < 5; turn += 1) await new Promise((next) => setImmediate(next));
    world.shards[0]!.fill(20);
    const [next, sameNext] = [world.snapshots.takeAll(), world.snapshots.takeAll()];
    expect(await one).toEqual(await same);
    expect(await next).toEqual(await sameNext);
    expect((await next).sessions).toBe(40);
    expect(world.lines).toEqual(['snapshot', 'snapshot']);
  });

  test('under way are given up at a stop, and none is begun after it', async () => {
    const world = new SnapshotWorld(1);
    world.shards[0]!.fill(3_000);
    const taken = world.snapshots.takeAll();
    taken.catch(() => undefined);
    while (world.list('snapshots').length === 0) await new Promise((next) => setImmediate(next));
    await world.snapshots.stop();
    await expect(taken).rejects.toThrow('given up');
    expect(world.list('snapshots')).toEqual([]);
    expect(world.files.openCount).toBeLessThanOrEqual(1);
    await expect(world.snapshots.takeAll()).rejects.toThrow('stopping');
    expect(world.lines).toEqual([]);
  });
});

describe('a conversion to another shard count', () => {
  test('names one snapshot of each new shard in one step and removes the old files', async () => {
    const old = new SnapshotWorld(1);
    old.shards[0]!.fill(10);
    await old.snapshots.takeAll();
    old.directory.release();
    const world = new SnapshotWorld(3, old.files.copy());
    for (const shard of world.shards) shard.fill(5);
    await world.snapshots.convert();
    expect(world.directory.manifest.epoch).toBe(2);
    expect(world.list('snapshots')).toEqual(
      [0, 1, 2].map((shard) => `000002-0${shard}-00000002.snap`),
    );
    expect(world.list('log').filter((file) => file.startsWith('000001'))).toEqual([]);
    expect(world.directory.needsConversion).toBe(false);
  });

  test('that fails leaves everything as it was', async () => {
    const old = new SnapshotWorld(1);
    old.shards[0]!.fill(10);
    await old.snapshots.takeAll();
    old.directory.release();
    const world = new SnapshotWorld(2, old.files.copy());
    const { manifest } = world.directory;
    world.files.fault = (operation, path) =>
      operation === 'write' && path.includes('000002-01') ? { code: 'ENOSPC' } : undefined;
    const line = 'data directory /data of 1 shards cannot be taken over by 2: ENOSPC';
    await expect(world.snapshots.convert()).rejects.toThrow(line);
    expect(world.directory.manifest).toBe(manifest);
    expect(world.list('snapshots')).toContain('000001-00-00000002.snap');
  });

  test('is none where the count is the same', async () => {
    const world = new SnapshotWorld(2);
    await world.snapshots.convert();
    expect(world.directory.manifest.epoch).toBe(1);
    expect(world.list('snapshots')).toEqual([]);
  });
});
