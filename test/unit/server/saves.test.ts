import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { MainAnswer } from '../../../src/config/main-call.js';
import { WAITING_MAX } from '../../../src/server/save-queue.js';
import { Saves } from '../../../src/server/saves.js';
import { type Files, NodeFiles } from '../../../src/storage/files.js';
import { type SaveSet, SaveSets } from '../../../src/storage/save-set.js';
import { SavingShards, type SavingShardOptions } from '../../support/saving-shards.js';
import { sessionKey, type SessionKey } from '../../support/shard-harness.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const SECRET_CHECK = '0123456789abcdef';

let server: TestServer;
afterEach(() => server.shards.close());

class TestServer {
  readonly directory: string;
  readonly shards: SavingShards;
  readonly saves: Saves;

  constructor(
    options: SavingShardOptions & {
      readonly shards?: number;
      readonly directory?: string;
      readonly secretCheck?: string;
      readonly files?: (files: NodeFiles) => Files;
    } = {},
  ) {
    this.directory = options.directory ?? temporaryFolder();
    this.shards = new SavingShards(options.shards ?? 2, options);
    const files = new NodeFiles();
    this.saves = new Saves({
      files: options.files?.(files) ?? files,
      directory: this.directory,
      secretCheck: options.secretCheck ?? SECRET_CHECK,
      channels: this.shards.channels,
      jobs: this.shards.jobs,
      clock: this.shards.shards[0]!.harness.clock,
    });
  }

  save(name = 'set', digests?: Int32Array): Promise<MainAnswer> {
    return this.saves.answer({ command: 'SH_SAVE', name, digests });
  }
  load(name = 'set'): Promise<MainAnswer> {
    return this.saves.answer({ command: 'SH_LOAD', name });
  }
  saveMap(name = 'map'): Promise<MainAnswer> {
    return this.saves.answer({ command: 'KV_SAVE', name });
  }
  loadMap(name = 'map'): Promise<MainAnswer> {
    return this.saves.answer({ command: 'KV_LOAD', name });
  }

  /** Starts sessions, each on its shard. */
  start(count: number, body: object = {}): SessionKey[] {
    // Slots far apart, so that all shards have some.
    const keys = Array.from({ length: count }, (_, i) => sessionKey(i * 37));
    for (const [i, key] of keys.entries()) {
      this.shards.of(key).start(key, { keys: { number: i, text: 'x'.repeat(i) }, ...body });
    }
    return keys;
  }

  endAll(): void {
    for (const { harness } of this.shards.shards) harness.ask('SH_END_ALL', undefined);
  }

  valuesOf(keys: readonly SessionKey[]): unknown[] {
    return keys.map((key) => {
      const [status, body] = this.shards.of(key).ask('SH_GET_ALL', key);
      return status === 1 ? body!.keys : status;
    });
  }

  get map(): unknown {
    return this.shards.shards[0]!.harness.ask('KV_GET_ALL', undefined)[1]!.keys;
  }

  setOf(name: string): SaveSet {
    return new SaveSets(new NodeFiles(), this.directory).findNewest(name).set;
  }

  get folders(): string[] {
    return readdirSync(join(this.directory, 'saves'));
  }
}

function wordsOf(keys: readonly SessionKey[]): Int32Array {
  return Int32Array.from(keys.flatMap(({ digest, slot }) => [...digest, slot]));
}

/** An answer of this status; the reason, where there is one, matches. */
function answer(status: number, body: object, m?: RegExp): unknown {
  return {
    status,
    body: m === undefined ? body : { ...body, m: expect.stringMatching(m) as string },
  };
}

describe('a save and a load', () => {
  test.each([1, 2, 7])('bring everything back, over %i shards', async (count) => {
    server = new TestServer({ shards: count });
    const keys = server.start(60);
    const before = server.valuesOf(keys);
    expect(await server.save()).toEqual(answer(121, { name: 'set', duration: 0 }));
    server.endAll();
    expect(server.valuesOf(keys)).toEqual(keys.map(() => 100));
    expect(await server.load()).toEqual(answer(141, { name: 'set', sessions: 60, keys: 120 }));
    expect(server.valuesOf(keys)).toEqual(before);
  });

  test.each([
    [1, 5],
    [5, 1],
    [4, 3],
  ])('go from %i shards to %i', async (before, after) => {
    server = new TestServer({ shards: before });
    const keys = server.start(60);
    const values = server.valuesOf(keys);
    await server.save();
    server.shards.close();
    server = new TestServer({ shards: after, directory: server.directory });
    expect(await server.load()).toEqual(answer(141, { name: 'set', sessions: 60, keys: 120 }));
    expect(server.valuesOf(keys)).toEqual(values);
  });

  test('take only the sessions named, each once', async () => {
    server = new TestServer({ shards: 3 });
    const keys = server.start(20);
    const chosen = keys.slice(3, 8);
    const unknown = sessionKey(999);
    await server.save('some', wordsOf([...chosen, chosen[0]!, unknown]));
    expect(server.setOf('some')).toMatchObject({ sessions: 5, keys: 10, kind: 'sessions' });
    server.endAll();
    expect(await server.load('some')).toMatchObject({ body: { sessions: 5, keys: 10 } });
    expect(server.valuesOf(keys).filter((value) => value !== 100)).toHaveLength(5);
  });

  test('merge the default map in parts, and leave the sessions out', async () => {
    server = new TestServer();
    const { harness } = server.shards.shards[0]!;
    const large = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, i) => [`k${i}`, 'v'.repeat(i % 300)]),
    );
    harness.ask('KV_SET', undefined, { keys: large });
    server.start(3);
    expect(await server.saveMap()).toEqual(answer(121, { name: 'map', duration: 0 }));
    expect(server.setOf('map')).toMatchObject({ sessions: 0, keys: 3_000, kind: 'default-map' });
    harness.ask('KV_CLEAR_SET', undefined, { keys: { other: 1, k7: 'old' } });
    const loaded = answer(141, { name: 'map', keys: 3_000, sessions: 0, duration: 0 });
    expect(await server.loadMap()).toEqual(loaded);
    expect(server.map).toEqual({ ...large, other: 1 });
  });

  test('keep instants: time goes on while nobody is there', async () => {
    server = new TestServer({ shards: 1 });
    const expiry = { duration: 100, deleteSession: true };
    const keys = server.start(3, { expiry });
    await server.save();
    server.endAll();
    server.shards.advance(60_000);
    await server.load();
    const [, info] = server.shards.of(keys[0]!).ask('SH_INFO', keys[0]);
    expect(info).toMatchObject({ expiry: { remaining: 40 } });
    server.endAll();
    server.shards.advance(40_000);
    expect(await server.load()).toEqual(answer(141, { name: 'set', sessions: 0, keys: 0 }));
  });

  test('leave the data behind that a deadline has taken', async () => {
    server = new TestServer({ shards: 1 });
    const keys = server.start(3, { expiry: { duration: 100 } });
    await server.save();
    server.endAll();
    server.shards.advance(100_000);
    expect(await server.load()).toEqual(answer(141, { name: 'set', sessions: 3, keys: 0 }));
    expect(server.valuesOf(keys)).toEqual([{}, {}, {}]);
  });

  test('log what they load before they answer', async () => {
    server = new TestServer({ shards: 1 });
    server.start(30);
    await server.save();
    server.endAll();
    await server.load();
    const { entriesAtReports } = server.shards.shards[0]!;
    // 30 starts, the end of all, 30 loaded.
    expect(entriesAtReports.at(-1)).toBe(61);
  });

  test('say how long they took', async () => {
    server = new TestServer({ shards: 1 });
    server.start(1);
    server.shards.beforeJob = () => server.shards.advance(10);
    expect((await server.save()).body['duration']).toBeGreaterThanOrEqual(30);
    expect((await server.saveMap()).body['duration']).toBeGreaterThanOrEqual(30);
    expect((await server.loadMap()).body['duration']).toBeGreaterThanOrEqual(10);
  });
});

describe('a load', () => {
  test('changes nothing if any file of the set is damaged', async () => {
    server = new TestServer({ shards: 3 });
    const keys = server.start(30);
    await server.save();
    const folder = join(
      server.directory,
      'saves/set',
      readdirSync(join(server.directory, 'saves/set'))[0]!,
    );
    writeFileSync(join(folder, '02.save'), 'x');
    server.endAll();
    expect(await server.load()).toEqual(answer(142, { name: 'set' }, /02\.save is damaged/));
    expect(server.valuesOf(keys)).toEqual(keys.map(() => 100));
    expect(server.shards.ran).not.toContain('read-save');
  });

  test('refuses a file that is sound, but not the one that was saved', async () => {
    server = new TestServer({ shards: 1 });
    server.start(3);
    await server.save('one');
    server.start(0);
    await server.save('two', wordsOf([sessionKey(0)]));
    const sets = new SaveSets(new NodeFiles(), server.directory);
    const [one, two] = [sets.findNewest('one'), sets.findNewest('two')];
    new NodeFiles().rename(
      sets.pathOf(`${two.folder}/00.save`),
      sets.pathOf(`${one.folder}/00.save`),
    );
    expect(await server.load('one')).toEqual(
      answer(142, { name: 'one' }, /00\.save is not the file/),
    );
  });

  test('refuses sets of the other kind, of another secret, and those that are not there', async () => {
    server = new TestServer();
    await server.save();
    await server.saveMap();
    expect(await server.load('map')).toEqual(
      answer(142, { name: 'map', sessions: 0, keys: 0 }, /KV_LOAD/),
    );
    expect(await server.loadMap('set')).toEqual(answer(142, { name: 'set' }, /SH_LOAD/));
    expect(await server.load('none')).toEqual(answer(142, { name: 'none' }, /no complete set/));
    server.shards.close();
    server = new TestServer({ directory: server.directory, secretCheck: 'fedcba9876543210' });
    expect(await server.load()).toEqual(
      answer(142, { name: 'set' }, /^the set was saved .* another secret/),
    );
  });

  test.each([
    ['sessionsMax', { sessionsMax: 10 }, /^the session limit is reached; 10 sessions/],
    ['memoryBytesMax', { memoryBytesMax: 12_000 }, /^the memory limit is reached; \d+ sessions/],
  ])('stops at a limit and keeps what came before (%s)', async (_, admission, m) => {
    server = new TestServer({ shards: 1 });
    const keys = server.start(100);
    await server.save();
    server.shards.close();
    server = new TestServer({ shards: 1, directory: server.directory, admission });
    expect(await server.load()).toEqual(answer(142, { name: 'set' }, m));
    const loaded = server.valuesOf(keys).filter((value) => value !== 100).length;
    expect(loaded).toBeGreaterThan(5);
    expect(loaded).toBeLessThan(100);
  });

  test('keeps the default map within --max-session-bytes, counting exactly', async () => {
    server = new TestServer({ sessionBytesMax: 10_000 });
    const { harness } = server.shards.shards[0]!;
    harness.ask('KV_SET', undefined, { keys: { a: 'x'.repeat(6_000) } });
    await server.saveMap();
    expect(await server.loadMap()).toMatchObject({ status: 141 });
    harness.ask('KV_CLEAR_SET', undefined, { keys: { b: 'x'.repeat(6_000) } });
    expect(await server.loadMap()).toEqual(answer(142, { name: 'map' }, /at most 10000 bytes/));
    expect(server.map).toEqual({ b: 'x'.repeat(6_000) });
  });

  test('answers 210 while the log fails', async () => {
    server = new TestServer({ shards: 1 });
    server.start(20);
    await server.save();
    server.endAll();
    const [shard] = server.shards.shards;
    shard!.isLogFailing = true;
    expect(await server.load()).toEqual(answer(210, { name: 'set' }, /^the log cannot be written/));
    shard!.isLogFailing = false;
    shard!.isDurable = false;
    expect(await server.load()).toEqual(answer(210, { name: 'set' }, /^the log cannot be written/));
  });
});

describe('a save that fails', () => {
  test.each([
    ['makeDirectory', 122],
    ['rename', 122],
  ] as const)('at %s answers 122 and leaves nothing', async (method, status) => {
    let isFailing = true;
    const fail = (): void => {
      if (isFailing) throw Object.assign(new Error('no'), { code: 'EROFS' });
    };
    server = new TestServer({
      files: (files) => {
        const real = files[method].bind(files) as (...args: string[]) => void;
        return Object.assign(files, {
          [method]: (...args: string[]) => (fail(), real(...args)),
        });
      },
    });
    server.start(3);
    expect(await server.save()).toEqual(answer(status, { name: 'set' }, /^EROFS$/));
    expect(readdirSync(server.directory).length === 0 ? [] : server.folders).toEqual([]);
    isFailing = false;
    expect(await server.save()).toMatchObject({ status: 121 });
  });

  test.each(['create-snapshot', 'append-to-snapshot', 'finish-snapshot'])(
    'at the job %s answers 123 and leaves nothing',
    async (name) => {
      server = new TestServer();
      server.start(40);
      server.shards.failure = { name, how: { message: 'ENOSPC: no space', code: 'ENOSPC' } };
      expect(await server.save()).toEqual(answer(123, { name: 'set' }, /^ENOSPC$/));
      expect(server.folders).toEqual([]);
      server.shards.failure = undefined;
      expect(await server.save()).toMatchObject({ status: 121 });
    },
  );

  test('does not touch the sets that were there', async () => {
    server = new TestServer();
    const keys = server.start(10);
    await server.save();
    server.shards.failure = { name: 'finish-snapshot', how: { message: 'x', code: undefined } };
    expect(await server.save()).toMatchObject({ status: 123 });
    server.endAll();
    expect(await server.load()).toMatchObject({ body: { sessions: keys.length } });
  });
});

describe('many at once', () => {
  test('run one at a time in the order they came, and 203 beyond the bound', async () => {
    server = new TestServer({ shards: 1 });
    server.start(3);
    const answers = Array.from({ length: WAITING_MAX + 3 }, (_, i) => server.save(`set${i}`));
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses).toEqual([...Array<number>(WAITING_MAX + 1).fill(121), 203, 203]);
    const perSave = server.shards.ran.length / (WAITING_MAX + 1);
    for (let at = 0; at < server.shards.ran.length; at += perSave) {
      expect(server.shards.ran[at]).toBe('create-snapshot');
      expect(server.shards.ran[at + perSave - 1]).toBe('finish-snapshot');
    }
  });

  test('a load in the queue finds what the save before it wrote', async () => {
    server = new TestServer();
    server.start(5);
    const [, load] = await Promise.all([server.save(), server.load()]);
    expect(load).toEqual(answer(141, { name: 'set', sessions: 0, keys: 0 }));
  });
});

describe('stop', () => {
  test('gives up the save that runs, removes it, and answers those that wait 209', async () => {
    server = new TestServer({ shards: 1 });
    server.start(100);
    const saving = [server.save('one'), server.save('two')];
    await new Promise((resolve) => setImmediate(resolve));
    const stopped = server.saves.stop();
    const statuses = (await Promise.all(saving)).map(({ status }) => status);
    expect(statuses).toEqual([123, 209]);
    await stopped;
    expect(server.folders).toEqual([]);
    expect(await server.load()).toMatchObject({ status: 209 });
  });

  test('gives up the load that runs', async () => {
    server = new TestServer({ shards: 1 });
    server.start(100);
    await server.save();
    const loading = server.load();
    const stopped = server.saves.stop();
    expect(await loading).toEqual(answer(142, { name: 'set' }, /shutting down/));
    await stopped;
  });
});

describe('loadAtStart', () => {
  test('loads a set of either kind', async () => {
    server = new TestServer();
    server.start(4);
    server.shards.shards[0]!.harness.ask('KV_SET', undefined, { keys: { a: 1 } });
    await server.save();
    await server.saveMap();
    server.endAll();
    const sessions = { kind: 'sessions', sessions: 4, keys: 8 };
    expect(await server.saves.loadAtStart('set')).toEqual(sessions);
    const map = { kind: 'default-map', sessions: 0, keys: 1 };
    expect(await server.saves.loadAtStart('map')).toEqual(map);
  });

  test('rejects with one line that names the set', async () => {
    server = new TestServer();
    await expect(server.saves.loadAtStart('none')).rejects.toThrow(
      'cannot load the set none: there is no complete set of this name',
    );
  });
});
