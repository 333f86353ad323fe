/** SV_AUTH, the header of an upgrade, and rights, on an I/O thread. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { hashSecret, secretHashFrom } from '../../../src/config/secret-hash.js';
import { RIGHT_NAMES } from '../../../src/core/rights.js';
import { AUTH_FAILURES_MAX, AUTH_WAITING_MAX } from '../../../src/io/authentication.js';
import { basicCredentialsFrom } from '../../../src/io/basic-credentials.js';
import { CATALOGUE, COMMAND_ENTRIES } from '../../../src/protocol/catalogue.js';
import { type FakeSocket, type IoHarness, startIo, tokenOnShard } from '../../support/ring-io.js';
import { basic, makeUsers, secretOf } from '../../support/users.js';

const [SV_INFO, SV_PING, SV_AUTH, GET, KV_GET, END_ALL] = [128, 129, 130, 34, 98, 4];
const TOKEN = tokenOnShard(0, 1);
const USERS = await makeUsers({
  shop: ['sessions'],
  map: ['default-map'],
  desk: ['owners'],
  ops: ['admin'],
  root: RIGHT_NAMES,
});

/** Of polls. */
const OFTEN = { interval: 2 };
/** Verifying this one takes longer than the turns of a thread. */
const SLOW = {
  name: 'slow',
  secret: secretHashFrom(await hashSecret('x', { logN: 15, r: 8, p: 1 }))!,
  rights: 1,
};

let harness: IoHarness;
function start(): IoHarness {
  harness = startIo({ ringBytes: 65_536 }, { users: [...USERS, SLOW] });
  return harness;
}
afterEach(() => {
  harness.close();
});

const authBody = (name: string, secret = secretOf(name)): object => ({ user: name, secret });
const LACKING = { m: 'the user lacks the right' };
const WRONG = { m: 'wrong user or secret' };

async function repliesOf(socket: FakeSocket, count: number): Promise<unknown[]> {
  await vi.waitFor(() => expect(socket.replies.length).toBeGreaterThanOrEqual(count), OFTEN);
  return socket.replies;
}

/** Commands that have reached the shard since the last time. */
async function taken(): Promise<number> {
  await harness.turns();
  return harness.shards[0]!.take().length;
}

/** Whoever comes next waits for this one. */
function keepBusy(): void {
  harness.connect().send([SV_AUTH, 1, null, authBody('slow', 'wrong')]);
}

async function connectAs(name: string): Promise<FakeSocket> {
  const socket = harness.connect();
  socket.send([SV_AUTH, 1, null, authBody(name)]);
  await repliesOf(socket, 1);
  socket.messages.length = 0;
  return socket;
}

describe('without users', () => {
  test('SV_AUTH answers 14, whatever its body', () => {
    harness = startIo();
    const socket = harness.connect(basic('shop'));
    socket.send([SV_AUTH, 7, null, authBody('shop')], [SV_AUTH, 8, null, null]);
    const disabled = { m: 'the server has no users (--users)' };
    expect(socket.replies).toEqual([
      [7, 14, disabled],
      [8, 14, disabled],
    ]);
    socket.sendJson('{"SV_AUTH":{"user":"x"}}');
    expect(socket.messages.at(-1)).toBe('{"SV_AUTH_RSP":{"st":14}}');
    expect(harness.counter('authFailures')).toBe(0);
  });

  test('every connection may do everything', async () => {
    harness = startIo();
    const socket = harness.connect();
    socket.send([GET, 7, TOKEN, { keys: ['a'] }], [END_ALL, 8, null, null]);
    expect(await taken()).toBe(2);
    expect(harness.counter('notAllowed')).toBe(0);
  });
});

describe('SV_AUTH', () => {
  test('says who the user is and what it may do, and lets it', async () => {
    start();
    const socket = harness.connect();
    socket.send([GET, 6, TOKEN, { keys: ['a'] }]);
    expect(socket.replies).toEqual([[6, 200, { m: 'authentication is needed' }]]);
    socket.send([SV_AUTH, 7, null, authBody('shop')]);
    expect((await repliesOf(socket, 2))[1]).toEqual([7, 1, { name: 'shop', rights: ['sessions'] }]);
    socket.send([GET, 8, TOKEN, { keys: ['a'] }]);
    expect(await taken()).toBe(1);
    expect(harness.counter('authFailures')).toBe(0);
    expect(harness.counter('notAllowed')).toBe(1);
  });

  test('works in the text dialect', async () => {
    start();
    const socket = harness.connect();
    socket.sendJson('{"KV_GET":{"keys":["a"]}}');
    const members = JSON.stringify(authBody('ops'));
    socket.sendJson(`{"SV_AUTH":${members}}`);
    socket.sendJson('{"KV_GET":{"keys":["a"]}}');
    await vi.waitFor(() => expect(socket.messages).toHaveLength(3));
    expect(socket.messages).toEqual([
      '{"KV_GET_RSP":{"st":200}}',
      '{"SV_AUTH_RSP":{"st":1,"name":"ops","rights":["admin"]}}',
      '{"KV_GET_RSP":{"st":201}}',
    ]);
  });

  test('makes what the connection sends behind it wait, in its order', async () => {
    start();
    keepBusy();
    const socket = harness.connect();
    socket.send([SV_AUTH, 1, null, authBody('shop')], [GET, 2, TOKEN, { keys: ['a'] }]);
    socket.send([SV_PING, 3, null, null]);
    socket.sendJson('{"SV_PING":{}}');
    expect(socket.messages).toEqual([]);
    expect(await taken()).toBe(0);
    await vi.waitFor(() => expect(socket.messages).toHaveLength(3));
    expect(socket.replies.map(([id]) => id)).toEqual([1, 3]);
    expect(await taken()).toBe(1);
  });

  test('answers at once what was right before, and verifies what was not', async () => {
    start();
    await connectAs('shop');
    const socket = harness.connect();
    socket.send([SV_AUTH, 1, null, authBody('shop')]);
    expect(socket.replies).toEqual([[1, 1, { name: 'shop', rights: ['sessions'] }]]);
    socket.send([SV_AUTH, 2, null, authBody('shop', 'other')]);
    expect((await repliesOf(socket, 2))[1]).toEqual([2, 200, WRONG]);
  });

  test('changes the user, and a failure leaves it', async () => {
    start();
    const socket = await connectAs('shop');
    socket.send([SV_AUTH, 2, null, authBody('ops')], [GET, 3, TOKEN, { keys: ['a'] }]);
    expect((await repliesOf(socket, 2))[1]).toEqual([3, 201, LACKING]);
    socket.send([SV_AUTH, 4, null, authBody('shop', '')], [131, 5, null, null]);
    const replies = await repliesOf(socket, 4);
    expect(replies[2]).toEqual([4, 200, WRONG]);
    expect(replies[3]).toMatchObject([5, 1, {}]);
  });

  test.each([
    [null, 26, 'secret is missing'],
    [{ user: 'shop' }, 26, 'secret is missing'],
    [{ secret: 1 }, 41, 'secret must be a string'],
    [{ secret: 'x' }, 26, 'user is missing'],
    [{ secret: 'x', user: null }, 41, 'user must be a string'],
    [{ secret: 'x'.repeat(1_025), user: 'shop' }, 42, 'secret has over 1024 bytes'],
    [{ secret: 'x', user: 'x'.repeat(129) }, 42, 'user has over 128 bytes'],
    [[], 2, 'the body must be a map or nil'],
  ])('answers %j with %i', (body, status, m) => {
    start();
    const socket = harness.connect();
    socket.send([SV_AUTH, 9, null, body]);
    expect(socket.replies).toEqual([[9, status, { m }]]);
    expect(harness.counter('authFailures')).toBe(0);
  });

  test('tells nothing of which users there are, and closes after a few failures', async () => {
    start();
    const socket = harness.connect();
    const attempts = ['shop', 'nobody', 'shop', 'shop', 'shop'];
    for (const [id, name] of attempts.entries()) {
      socket.send([SV_AUTH, id, null, authBody(name, 'wrong')]);
    }
    await vi.waitFor(() => expect(socket.closed).toBeDefined());
    expect(socket.closed).toEqual({ code: 1008, reason: 'too many wrong secrets' });
    const wrong = Array.from({ length: AUTH_FAILURES_MAX }, (_, id) => [id, 200, WRONG]);
    expect(socket.replies).toEqual(wrong);
    expect(harness.counter('authFailures')).toBe(AUTH_FAILURES_MAX);
  });

  test('goes by when its connection does', async () => {
    start();
    const gone = harness.connect();
    const other = harness.connect();
    gone.send([SV_AUTH, 1, null, authBody('shop', 'wrong')]);
    gone.send([SV_PING, 2, null, null]);
    other.send([SV_AUTH, 1, null, authBody('shop')]);
    gone.terminate();
    await repliesOf(other, 1);
    expect(gone.messages).toEqual([]);
    await connectAs('ops');
  });

  test('verifies one at a time, on all I/O threads', async () => {
    const shared = new Int32Array(new SharedArrayBuffer(4));
    // Another thread has it.
    shared[0] = 1;
    harness = startIo({}, { users: USERS, authLock: shared.buffer });
    const socket = harness.connect();
    socket.send([SV_AUTH, 1, null, authBody('shop')]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(socket.replies).toEqual([]);
    Atomics.store(shared, 0, 0);
    Atomics.notify(shared, 0, 1);
    await repliesOf(socket, 1);
    expect(shared[0]).toBe(0);
  });

  test('verifies a secret once for all who wait with it', async () => {
    start();
    const sockets = Array.from({ length: 100 }, () => harness.connect());
    for (const socket of sockets) socket.send([SV_AUTH, 1, null, authBody('slow', 'x')]);
    await repliesOf(sockets[0]!, 1);
    await harness.turns();
    for (const socket of sockets) expect(socket.replies).toMatchObject([[1, 1, {}]]);
  });

  test('answers 209 while the server stops, also those who wait', async () => {
    start();
    const [first, second] = [harness.connect(), harness.connect()];
    for (const socket of [first, second]) socket.send([SV_AUTH, 1, null, authBody('slow', 'y')]);
    const drained = harness.io.drain(60_000);
    first.send([SV_PING, 2, null, null]);
    second.send([SV_AUTH, 2, null, authBody('shop')]);
    await drained;
    expect(first.replies).toEqual([
      [1, 200, WRONG],
      [2, 1, null],
    ]);
    expect(second.replies).toEqual([
      [1, 209, null],
      [2, 209, null],
    ]);
    expect(harness.counter('commandsBusy')).toBe(0);
  });

  test('answers 203 where too many wait', async () => {
    start();
    const sockets = Array.from({ length: AUTH_WAITING_MAX + 2 }, () => harness.connect());
    for (const socket of sockets) socket.send([SV_AUTH, 1, null, authBody('shop')]);
    const late = sockets.at(-1)!;
    expect(late.replies).toEqual([[1, 203, { m: 'too many secrets are being verified' }]]);
    expect(harness.counter('commandsBusy')).toBe(1);
    await repliesOf(sockets[0]!, 1);
    late.send([SV_AUTH, 2, null, authBody('shop')]);
    expect(late.replies[1]).toMatchObject([2, 1, {}]);
    for (const socket of sockets.slice(1)) socket.terminate();
  });
});

describe('the header of an upgrade', () => {
  test('is as good as SV_AUTH, and what comes first waits for it', async () => {
    start();
    keepBusy();
    const socket = harness.connect(basic('shop'));
    socket.send([GET, 1, TOKEN, { keys: ['a'] }]);
    expect(await taken()).toBe(0);
    await vi.waitFor(async () => expect(await taken()).toBe(1));
    const again = harness.connect(basic('shop'));
    again.send([GET, 1, TOKEN, { keys: ['a'] }]);
    expect(await taken()).toBe(1);
  });

  test.each([
    [basic('shop', 'wrong')],
    [basic('nobody')],
    ['Basic'],
    ['Basic !'],
    ['basic c2hvcA=='],
  ])('closes the connection where it is %j', async (authorization) => {
    start();
    const socket = harness.connect(authorization);
    socket.send([SV_PING, 1, null, null]);
    await vi.waitFor(() => expect(socket.closed).toBeDefined());
    expect(socket.closed).toEqual({ code: 1008, reason: 'wrong user or secret' });
    expect(socket.messages).toEqual([]);
    expect(harness.counter('authFailures')).toBe(1);
  });

  test.each([[''], ['Bearer abc'], ['Basically x']])('is passed over where it is %j', (header) => {
    start();
    const socket = harness.connect(header);
    socket.send([SV_PING, 1, null, null], [SV_INFO, 2, null, null]);
    expect(socket.replies.map(([, status]) => status)).toEqual([1, 200]);
    expect(socket.closed).toBeUndefined();
  });

  test('may hold a secret with colons and letters of any alphabet', () => {
    expect(basicCredentialsFrom(basic('shop', 'a:b:ü'))).toEqual({ name: 'shop', secret: 'a:b:ü' });
  });
});

describe('rights', () => {
  /** A body with which the shard or main would have the command, or that is answered here. */
  const bodyFor = (name: string): object => (name === 'SH_END_ALL' ? { owner: 'x' } : {});
  const neededFor = (name: string): string => {
    const entry = COMMAND_ENTRIES.find((each) => each.name === name)!;
    return entry.isDefaultMap ? 'default-map' : (entry.spec.right ?? 'sessions');
  };
  const USER_OF = { sessions: 'shop', 'default-map': 'map', owners: 'desk', admin: 'ops' };

  test.each(COMMAND_ENTRIES.map(({ name, op }) => [name, op] as const))(
    '%s needs what its row says',
    async (name, op) => {
      start();
      const needed = neededFor(name);
      const token = name.startsWith('KV_') ? null : TOKEN;
      const stranger = harness.connect();
      stranger.send([op, 5, token, bodyFor(name)]);
      expect(stranger.replies.some(([, status]) => status === 200)).toBe(needed !== 'none');
      for (const right of RIGHT_NAMES) {
        const socket = await connectAs(USER_OF[right]);
        socket.send([op, 5, token, bodyFor(name)]);
        const isRefused = socket.replies.some(([, status]) => status === 201);
        expect([right, isRefused]).toEqual([
          right,
          needed !== right && needed !== 'any' && needed !== 'none',
        ]);
      }
    },
  );

  test('are right where the rows say nothing by themselves', () => {
    const byRight = (right: string): string[] =>
      COMMAND_ENTRIES.map(({ name }) => name).filter((name) => neededFor(name) === right);
    expect(byRight('none')).toEqual(['SV_PING', 'SV_AUTH']);
    expect(byRight('any')).toEqual(['SV_INFO']);
    expect(byRight('owners')).toEqual(['SH_END_ALL', 'SH_LIST', 'SH_END_ID']);
    expect(byRight('admin')).toEqual([
      ...['SH_INFO_ALL', 'SH_SAVE', 'SH_LOAD', 'KV_SAVE', 'KV_LOAD'],
      ...['SV_STATS', 'SV_EVENTS', 'SV_SNAPSHOT'],
    ]);
    expect(byRight('default-map').every((name) => name.startsWith('KV_'))).toBe(true);
    expect(byRight('sessions').every((name) => name.startsWith('SH_'))).toBe(true);
    expect(CATALOGUE.SH_END_ALL.rightWithout).toEqual({ member: 'owner', right: 'admin' });
  });

  test('SH_END_ALL without an owner is for admin', async () => {
    start();
    const desk = await connectAs('desk');
    const bodies = [null, {}, { except: TOKEN }, { owner: null }, { Owner: 'x' }];
    for (const [id, body] of bodies.entries()) desk.send([END_ALL, id, null, body]);
    expect(desk.replies.map(([, status]) => status)).toEqual(bodies.map(() => 201));
    expect(await taken()).toBe(0);
    const ops = await connectAs('ops');
    ops.send([END_ALL, 1, null, null], [END_ALL, 2, null, { owner: 'x' }]);
    expect(ops.replies).toEqual([[2, 201, LACKING]]);
    expect(await taken()).toBe(1);
    expect(harness.counter('notAllowed')).toBe(bodies.length + 1);
  });

  test('a KV_ command with a token needs what the SH_ command needs', async () => {
    start();
    const map = await connectAs('map');
    const shop = await connectAs('shop');
    map.send([KV_GET, 1, TOKEN, { keys: ['a'] }], [KV_GET, 2, null, { keys: ['a'] }]);
    shop.send([KV_GET, 1, TOKEN, { keys: ['a'] }], [KV_GET, 2, null, { keys: ['a'] }]);
    expect(map.replies).toEqual([[1, 201, LACKING]]);
    expect(shop.replies).toEqual([[2, 201, LACKING]]);
    expect(await taken()).toBe(2);
  });

  test('all of them together are asked for nothing, and a number that is no command has 10', async () => {
    start();
    const root = await connectAs('root');
    root.send([END_ALL, 1, null, null]);
    expect(await taken()).toBe(1);
    const stranger = harness.connect();
    stranger.send([255, 3, null, null]);
    expect(stranger.replies).toMatchObject([[3, 10, {}]]);
  });
});
