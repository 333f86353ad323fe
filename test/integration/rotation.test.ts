/** SH_ROTATE against whole servers: over sockets, over restarts, in both dialects. */
import { afterEach, describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG, type Config } from '../../src/config/options.js';
import { SharedManualClock } from '../../src/core/clock.js';
import { tokenFromText, tokenToText } from '../../src/protocol/token.js';
import type { Server } from '../../src/server/server.js';
import type { ServerLog } from '../../src/server/server-log.js';
import { type Answer, NativeCaller } from '../support/native-caller.js';
import { RawClient } from '../support/raw-client.js';
import { startServer as startProcess } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

// From dist, because threads cannot be started from TypeScript.
const dist = new URL('../../dist/src/server/server.js', import.meta.url).href;
const { startServer } = (await import(dist)) as typeof import('../../src/server/server.js');

const clock = new SharedManualClock();
clock.set(Date.UTC(2030, 0, 1));
const running: Server[] = [];
const callers: NativeCaller[] = [];
afterEach(async () => {
  for (const caller of callers.splice(0)) caller.close();
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function start(settings: Partial<Config> = {}, log?: ServerLog): Promise<Server> {
  const server = await startServer({
    config: { ...DEFAULT_CONFIG, port: 0, memory: true, shards: 3, ioThreads: 2, ...settings },
    clock: { kind: 'manual', shared: clock.shared },
    ...(log === undefined ? {} : { log }),
  });
  running.push(server);
  return server;
}

async function connect(server: Server): Promise<NativeCaller> {
  const caller = await NativeCaller.connect(server.url);
  callers.push(caller);
  return caller;
}

function tokenOf([, body]: Answer): Uint8Array {
  return body?.tkn as Uint8Array;
}

describe('a rotated session', () => {
  test('is reached by its new token alone, whatever its shard and whoever asks', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    for (let i = 0; i < 100; i += 1) {
      const old = tokenOf(await one.ask('SH_NEW', null, { keys: { i } }));
      const [status, body] = await one.ask('SH_ROTATE', i % 2 === 0 ? old : tokenToText(old));
      const { tkn, id } = body as { tkn: Uint8Array; id: string };
      expect(status).toBe(1);
      expect(tkn).toHaveLength(24);
      expect(await other.ask('SH_GET_ALL', tkn)).toEqual([1, { keys: { i } }]);
      expect((await other.ask('SH_INFO', tkn))[1]).toMatchObject({ id });
      expect(await other.ask('SH_GET_ALL', old)).toEqual([110, null]);
      expect((await one.ask('SH_EXISTS', null, { tkns: [old, tkn] }))[1]).toEqual({ exist: [tkn] });
    }
    const { shards } = server.counters();
    const sum = (name: 'tokensReused' | 'tokensRotated'): number =>
      shards.reduce((total, figures) => total + figures[name], 0);
    expect([sum('tokensRotated'), sum('tokensReused')]).toEqual([100, 100]);
  });

  test('by two at once is rotated once: the other finds its token replaced', async () => {
    const server = await start();
    const racers = [await connect(server), await connect(server), await connect(server)];
    for (let round = 0; round < 100; round += 1) {
      const old = tokenOf(await racers[0]!.ask('SH_NEW'));
      const answers = await Promise.all(racers.map((racer) => racer.ask('SH_ROTATE', old)));
      expect(answers.map(([status]) => status).sort((a, b) => a - b)).toEqual([1, 110, 110]);
      const current = tokenOf(answers.find(([status]) => status === 1)!);
      expect(await racers[1]!.statusOf('SH_COUNT', current)).toBe(1);
    }
  });

  test('loses no write that comes with its old token in the grace, nor one with the new', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    const old = tokenOf(await one.ask('SH_NEW'));
    const early = Array.from({ length: 200 }, (_, i) =>
      one.statusOf('SH_SET', old, { keys: { [`early ${i}`]: i } }),
    );
    const current = tokenOf(await other.ask('SH_ROTATE', old, { grace: 60 }));
    const late = Array.from({ length: 200 }, (_, i) =>
      other.statusOf('SH_SET', i % 2 === 0 ? old : current, { keys: { [`late ${i}`]: i } }),
    );
    expect(new Set(await Promise.all([...early, ...late]))).toEqual(new Set([1]));
    expect((await one.ask('SH_COUNT', current))[1]).toEqual({ cnt: 400 });
  });

  test('in the text dialect gets a token as text', async () => {
    const raw = await RawClient.connect((await start()).url);
    const { tkn } = await raw.command('SH_NEW', { keys: { a: 1 } });
    const rotated = await raw.command('SH_ROTATE', { tkn, grace: 0.5 });
    expect(rotated).toEqual({ st: 1, tkn: expect.any(String), id: expect.any(String) });
    expect(tokenFromText(rotated.tkn as string)).toHaveLength(24);
    expect(await raw.command('SH_GET_ALL', { tkn })).toEqual({ st: 1, keys: { a: 1 } });
    clock.advance(500);
    expect(await raw.ask(JSON.stringify({ SH_END: { tkn } }))).toBe('{"SH_END_RSP":{"st":110}}');
    expect(await raw.command('SH_GET_ALL', rotated)).toEqual({ st: 1, keys: { a: 1 } });
    expect(await raw.command('SH_ROTATE', { tkn: 5 })).toEqual({ st: 100 });
    expect(await raw.command('SH_ROTATE')).toEqual({ st: 100 });
    expect(await raw.command('SH_ROTATE', { tkn, grace: '1' })).toEqual({ st: 41 });
    await raw.close();
  });

  test('whose old token comes again is logged by its public id, never by a token', async () => {
    const lines: string[] = [];
    const note = (text: string, figures?: object): void => {
      lines.push(`${text} ${JSON.stringify(figures)}`);
    };
    const server = await start({}, { info: note, warn: note, error: note });
    const caller = await connect(server);
    const old = tokenOf(await caller.ask('SH_NEW'));
    const [, rotated] = await caller.ask('SH_ROTATE', old);
    for (let i = 0; i < 20; i += 1) await caller.ask('SH_COUNT', old);
    await expect.poll(() => lines.length).toBe(1);
    expect(lines[0]).toContain(
      `a replaced token of session ${rotated?.id as string} was used again`,
    );
    expect(lines[0]).not.toContain(tokenToText(old));
  });
});

describe('a saved set', () => {
  test('does not bring a session back under a token that was replaced since', async () => {
    const server = await start({ memory: false, dataDir: temporaryFolder(), fsync: 'no' });
    const caller = await connect(server);
    const olds: Uint8Array[] = [];
    for (let i = 0; i < 10; i += 1) {
      olds.push(tokenOf(await caller.ask('SH_NEW', null, { keys: { i }, owner: 'ann' })));
    }
    expect(await caller.statusOf('SH_SAVE', null, { name: 'set' })).toBe(121);
    const currents: Uint8Array[] = [];
    for (const old of olds) currents.push(tokenOf(await caller.ask('SH_ROTATE', old)));
    await caller.ask('SH_END', currents[0]);
    expect(await caller.ask('SH_LOAD', null, { name: 'set' })).toMatchObject([
      141,
      { sessions: 1, keys: 1 },
    ]);
    // The one that had ended is back, as it was saved; all others live on under their new tokens.
    expect(await caller.ask('SH_GET_ALL', olds[0])).toEqual([1, { keys: { i: 0 } }]);
    for (let i = 1; i < 10; i += 1) {
      expect(await caller.statusOf('SH_COUNT', olds[i])).toBe(110);
      expect(await caller.statusOf('SH_COUNT', currents[i])).toBe(1);
    }
    const [, listed] = await caller.ask('SH_LIST', null, { owner: 'ann' });
    expect(listed?.sessions).toHaveLength(10);
  });
});

describe('a server that starts again', () => {
  test.each([
    ['from its log', false, 3],
    ['from a snapshot', true, 3],
    ['with other shards', false, 2],
  ])('knows owners, replaced tokens and their graces (%s)', async (_, takesSnapshot, shards) => {
    const dataDir = temporaryFolder();
    const disk = { memory: false, dataDir, fsync: 'no' } as const;
    const first = await start(disk);
    const before = await connect(first);
    const owned = { owner: 'ann', keys: { a: 1 } };
    const tokens = await Promise.all(
      Array.from({ length: 9 }, async () => {
        const old = tokenOf(await before.ask('SH_NEW', null, owned));
        const middle = tokenOf(await before.ask('SH_ROTATE', old, { grace: 1_000 }));
        return { old, middle };
      }),
    );
    if (takesSnapshot) expect(await before.statusOf('SV_SNAPSHOT')).toBe(1);
    const rotated = await Promise.all(
      tokens.map(async ({ old, middle }, index) => {
        const current = tokenOf(await before.ask('SH_ROTATE', middle, { grace: 10 + index }));
        return { old, middle, current };
      }),
    );
    await before.ask('SH_SET_OWNER', rotated[7]!.current, { owner: 'bob' });
    await before.ask('SH_SET_OWNER', rotated[8]!.current, { owner: null });
    const list = async (caller: NativeCaller, owner: string): Promise<Set<string>> => {
      const [, body] = await caller.ask('SH_LIST', null, { owner });
      return new Set((body?.sessions as { id: string }[]).map(({ id }) => id));
    };
    const lists = [await list(before, 'ann'), await list(before, 'bob')];
    expect(lists.map(({ size }) => size)).toEqual([7, 1]);
    await first.stop();
    // The graces of the first five end meanwhile.
    clock.advance(14_500);

    const again = await connect(await start({ ...disk, shards }));
    expect([await list(again, 'ann'), await list(again, 'bob')]).toEqual(lists);
    for (const [index, { old, middle, current }] of rotated.entries()) {
      expect(await again.ask('SH_GET_ALL', current)).toEqual([1, { keys: { a: 1 } }]);
      expect(await again.statusOf('SH_COUNT', middle)).toBe(index < 5 ? 110 : 1);
      expect(await again.statusOf('SH_COUNT', old)).toBe(110);
    }
    expect(await again.ask('SH_END_ALL', null, { owner: 'ann' })).toEqual([1, { cnt: 7 }]);
    expect(await again.statusOf('SH_COUNT', rotated[0]!.old)).toBe(100);
  });

  test('counts what it finds against the limit of an owner', async () => {
    const disk = { memory: false, dataDir: temporaryFolder(), fsync: 'no' } as const;
    const first = await start(disk);
    const before = await connect(first);
    for (let i = 0; i < 5; i += 1) await before.ask('SH_NEW', null, { owner: 'ann' });
    await first.stop();
    const again = await connect(await start({ ...disk, maxSessionsPerOwner: 5 }));
    expect(await again.statusOf('SH_NEW', null, { owner: 'ann' })).toBe(206);
    expect(await again.statusOf('SH_NEW', null, { owner: 'bob' })).toBe(1);
  });

  test('after it was killed knows every rotation and owner that it acknowledged', async () => {
    const flags = ['--data-dir', temporaryFolder(), '--fsync', 'always', '--shards', '2'];
    const first = await startProcess(flags);
    const before = await NativeCaller.connect(first.url);
    const sessions = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const old = tokenOf(await before.ask('SH_NEW', null, { keys: { n } }));
        const current = tokenOf(
          await before.ask('SH_ROTATE', old, { grace: n % 2 === 0 ? 0 : 3_600 }),
        );
        await before.ask('SH_SET_OWNER', current, { owner: `owner ${n % 4}` });
        return { n, old, current };
      }),
    );
    first.process.kill('SIGKILL');
    await first.ended;
    const again = await startProcess(flags);
    const after = await NativeCaller.connect(again.url);
    for (const { n, old, current } of sessions) {
      expect(await after.ask('SH_GET_ALL', current)).toEqual([1, { keys: { n } }]);
      expect(await after.statusOf('SH_COUNT', old)).toBe(n % 2 === 0 ? 110 : 1);
      expect((await after.ask('SH_INFO', current))[1]).toMatchObject({ owner: `owner ${n % 4}` });
    }
    const [, listed] = await after.ask('SH_LIST', null, { owner: 'owner 3' });
    expect(listed?.sessions).toHaveLength(10);
    before.close();
    after.close();
    expect(await again.stop()).toBe(0);
  });
});
