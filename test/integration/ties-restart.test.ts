/**
 * Goal: owners, the order of their sessions and tokens that were replaced outlive a kill, a start
 * with other shards, and a saved set that is loaded elsewhere.
 * Method: text commands to a server process; the same questions before and after.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ask, type Body, kill, start } from '../support/restarted-servers.js';
import type { ServerProcess } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

interface Listed {
  readonly id: string;
  readonly created: number;
}

interface Used {
  readonly id: string;
  readonly lastUsed: number;
}

interface Filled {
  /** Of each session: the token it has, and those it had. */
  readonly tokens: readonly (readonly [string, ...string[]])[];
}

/** Sessions of two owners and of nobody; some rotated, with a grace or without; some have ended. */
async function fill(server: ServerProcess): Promise<Filled> {
  const owners = ['ada', 'bob', undefined];
  const started = await ask(
    server,
    ...Array.from({ length: 30 }, (_, n) => ({ SH_NEW: { keys: { n }, owner: owners[n % 3] } })),
  );
  const tokens = started.map(({ tkn }) => [tkn as string] as [string, ...string[]]);
  const rotate = async (index: number, grace: number): Promise<void> => {
    const [reply] = await ask(server, { SH_ROTATE: { tkn: tokens[index]![0], grace } });
    expect(reply?.st).toBe(1);
    tokens[index]!.unshift(reply!['tkn'] as string);
  };
  for (const index of [0, 4, 8, 12]) await rotate(index, 0);
  for (const index of [4, 5, 12]) await rotate(index, 3_600);
  await ask(
    server,
    { SH_SET: { tkn: tokens[4]![0], keys: { late: 1 } } },
    { SH_SET_OWNER: { tkn: tokens[7]![0], owner: 'ada' } },
    { SH_SET_OWNER: { tkn: tokens[9]![0], owner: null } },
    { SH_SET_OWNER: { tkn: tokens[2]![0], owner: 'eve' } },
    { SH_END: { tkn: tokens[3]![0] } },
    { SH_END: { tkn: tokens[12]![0] } },
  );
  return { tokens };
}

/** All that can be asked: of each token, of each owner. */
async function asked(server: ServerProcess, { tokens }: Filled): Promise<unknown> {
  const lists = ['ada', 'bob', 'eve', 'nobody'].map((owner) => ({ SH_LIST: { owner } }));
  const listed = (await ask(server, ...lists)).map(({ sessions }) =>
    (sessions as Listed[]).map(({ id, created }) => ({ id, created })).sort(byId),
  );
  const infos = await ask(server, ...tokens.flat().map((tkn) => ({ SH_INFO: { tkn } })));
  const data = await ask(server, ...tokens.flat().map((tkn) => ({ SH_GET_ALL: { tkn } })));
  return { listed, infos, data };
}

const byId = (one: Listed, other: Listed): number => (one.id < other.id ? -1 : 1);

describe('owners and replaced tokens', () => {
  test('outlive a kill with the time of the last use that changed something', async () => {
    const flags = ['--data-dir', join(temporaryFolder(), 'd')];
    const first = await start(...flags);
    const keys = { a: 1 };
    const [one, two] = await ask(
      first,
      { SH_NEW: { owner: 'ada', keys } },
      { SH_NEW: { owner: 'ada', keys } },
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    await ask(first, { SH_SET: { tkn: one!['tkn'], keys } }, { SH_GET_ALL: { tkn: two!['tkn'] } });
    const list = { SH_LIST: { owner: 'ada' } };
    const used = ([reply]: Body[]): Map<string, number> =>
      new Map((reply!['sessions'] as Used[]).map(({ id, lastUsed }) => [id, lastUsed]));
    const before = used(await ask(first, list));
    await kill(first);
    const after = used(await ask(await start(...flags), list));
    const [setId, readId] = [one!['id'] as string, two!['id'] as string];
    expect(after.get(setId)).toBe(before.get(setId));
    // That one was only read, which is nowhere but in memory.
    expect(after.get(readId)).toBeLessThan(before.get(readId)!);
  });

  test.each([
    ['1', '3', 'by the log'],
    ['3', '2', 'by the log'],
    ['2', '2', 'by a snapshot'],
    ['3', '1', 'by a snapshot'],
  ])('outlive a kill (%s shards, then %s, %s)', async (before, after, how) => {
    const folder = join(temporaryFolder(), 'd');
    const flags = ['--data-dir', folder, '--fsync', 'always'];
    const first = await start(...flags, '--shards', before);
    const filled = await fill(first);
    const expected = await asked(first, filled);
    await kill(first);
    let second = await start(...flags, '--shards', after);
    expect(await asked(second, filled)).toEqual(expected);
    if (how === 'by the log') return;
    // What another number of shards finds is a snapshot.
    await kill(second);
    const shards = String(Number(after) + 1);
    second = await start(...flags, '--shards', shards);
    await kill(second);
    second = await start(...flags, '--shards', shards);
    expect(await asked(second, filled)).toEqual(expected);
  });

  test('answer 110 to a replaced token, not 100, after a start', async () => {
    const flags = ['--data-dir', join(temporaryFolder(), 'd')];
    const first = await start(...flags);
    const { tokens } = await fill(first);
    await first.stop();
    const second = await start(...flags);
    const statusOf = async (tkn: string | undefined): Promise<number> =>
      (await ask(second, { SH_GET_ALL: { tkn } }))[0]!.st;
    expect(await statusOf(tokens[0]![1])).toBe(110);
    // In its grace; before that; ended.
    expect(await statusOf(tokens[4]![1])).toBe(1);
    expect(await statusOf(tokens[4]![2])).toBe(110);
    expect(await statusOf(tokens[12]![1])).toBe(100);
  });

  test('come with a saved set, which brings nobody back under a replaced token', async () => {
    const flags = ['--data-dir', join(temporaryFolder(), 'd'), '--shards', '2'];
    const server = await start(...flags);
    const filled = await fill(server);
    const expected = await asked(server, filled);
    const old = (await ask(server, { SH_SAVE: { name: 'set' } }))[0];
    expect(old?.st).toBe(121);
    // One is rotated after the save: loaded, it would live twice.
    const [rotated] = await ask(server, { SH_ROTATE: { tkn: filled.tokens[1]![0] } });
    const count = async (): Promise<unknown> =>
      (await ask(server, { SH_INFO_ALL: {} }))[0]?.['totalSessions'];
    const sessions = await count();
    expect((await ask(server, { SH_LOAD: { name: 'set' } }))[0]).toMatchObject({ sessions: 0 });
    expect(await count()).toBe(sessions);
    await ask(server, { SH_END: { tkn: rotated!['tkn'] } });
    await ask(server, { SH_END_ALL: {} });
    expect((await ask(server, { SH_LOAD: { name: 'set' } }))[0]).toMatchObject({ sessions });
    expect(await asked(server, filled)).toEqual(expected);
  });
});
