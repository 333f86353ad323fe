import { describe, expect, expectTypeOf, test } from 'vitest';
import type { DataMap } from '../../../src/client/data-map.js';
import { MalformedReplyError, VersionMismatchError } from '../../../src/client/errors.js';
import { endOfTick, FakeNetwork, TOKEN, TOKEN_BYTES } from './fake-network.js';

interface Shop {
  readonly cart: { readonly items: readonly string[] };
  readonly visits: number;
}

const cart = { items: ['apple'] };

interface Case {
  readonly method: string;
  readonly op: number;
  readonly call: (map: DataMap<Shop>) => Promise<unknown>;
  readonly body: unknown;
  readonly reply: unknown;
  readonly result: unknown;
}

const CASES: readonly Case[] = [
  {
    method: 'set',
    op: 32,
    call: (map) => map.set({ cart }),
    body: { keys: { cart } },
    reply: null,
    result: undefined,
  },
  {
    method: 'add',
    op: 33,
    call: (map) => map.add({ visits: 1 }),
    body: { keys: { visits: 1 } },
    reply: null,
    result: undefined,
  },
  {
    method: 'get',
    op: 34,
    call: (map) => map.get('cart'),
    body: { keys: ['cart'] },
    reply: { keys: { cart } },
    result: cart,
  },
  {
    method: 'getMany',
    op: 34,
    call: (map) => map.getMany(['cart', 'visits']),
    body: { keys: ['cart', 'visits'] },
    reply: { keys: { visits: 3 } },
    result: { visits: 3 },
  },
  {
    method: 'getVersioned',
    op: 34,
    call: (map) => map.getVersioned(['visits']),
    body: { keys: ['visits'], version: true },
    reply: { keys: { visits: 3 }, version: 9 },
    result: { keys: { visits: 3 }, version: 9 },
  },
  {
    method: 'getAll',
    op: 35,
    call: (map) => map.getAll(),
    body: null,
    reply: { keys: { visits: 3, cart } },
    result: { visits: 3, cart },
  },
  {
    method: 'remove',
    op: 36,
    call: (map) => map.remove(['cart']),
    body: { keys: ['cart'] },
    reply: { cnt: 1 },
    result: 1,
  },
  {
    method: 'contains',
    op: 37,
    call: (map) => map.contains(['cart', 'visits']),
    body: { keys: ['cart', 'visits'] },
    reply: { contains: ['visits'] },
    result: ['visits'],
  },
  {
    method: 'keys',
    op: 38,
    call: (map) => map.keys(),
    body: null,
    reply: { keys: ['cart'] },
    result: ['cart'],
  },
  {
    method: 'count',
    op: 39,
    call: (map) => map.count(),
    body: null,
    reply: { cnt: 2 },
    result: 2,
  },
  {
    method: 'clear',
    op: 40,
    call: (map) => map.clear(),
    body: null,
    reply: { cnt: 2 },
    result: 2,
  },
  {
    method: 'clearSet',
    op: 41,
    call: (map) => map.clearSet({ visits: 0 }),
    body: { keys: { visits: 0 } },
    reply: { cnt: 2 },
    result: 2,
  },
  {
    method: 'inc',
    op: 42,
    call: (map) => map.inc('visits'),
    body: { key: 'visits', by: 1 },
    reply: { value: 4 },
    result: 4,
  },
  {
    method: 'take',
    op: 43,
    call: (map) => map.take(['visits']),
    body: { keys: ['visits'] },
    reply: { keys: { visits: 4 } },
    result: { visits: 4 },
  },
  {
    method: 'cas',
    op: 44,
    call: (map) => map.cas(7, { set: { visits: 1 }, remove: ['cart'] }),
    body: { version: 7, set: { visits: 1 }, rmv: ['cart'] },
    reply: { version: 8 },
    result: 8,
  },
  {
    method: 'update',
    op: 45,
    call: (map) => map.update('cart', '/items/0', 'pear'),
    body: { key: 'cart', path: '/items/0', value: 'pear' },
    reply: { cnt: 1 },
    result: true,
  },
  {
    method: 'find',
    op: 46,
    call: (map) => map.find('$.items'),
    body: { path: '$.items', rsp: 'keys' },
    reply: { keys: ['cart'] },
    result: ['cart'],
  },
];

describe('DataMap', () => {
  test.each(CASES)('$method() sends its command to a session and maps the reply', async (each) => {
    const network = new FakeNetwork();
    const session = (await network.client()).session<Shop>(TOKEN);
    const result = each.call(session);
    await endOfTick();
    const { op, body, token } = network.socket.commands[0]!;
    expect({ op, body, token }).toEqual({ op: each.op, body: each.body, token: TOKEN_BYTES });
    network.socket.replies([1, 1, each.reply]);
    expect(await result).toEqual(each.result);
  });

  test.each(CASES)('$method() sends the KV_ command to the default map', async (each) => {
    const network = new FakeNetwork();
    const client = await network.client();
    const result = each.call(client.defaultMap as unknown as DataMap<Shop>);
    await endOfTick();
    const { op, body, token } = network.socket.commands[0]!;
    expect({ op, body, token }).toEqual({ op: each.op + 64, body: each.body, token: null });
    network.socket.replies([1, 1, each.reply]);
    expect(await result).toEqual(each.result);
  });

  test.each(['absent', 'constructor', 'toString', '__proto__', ''])(
    'get() gives undefined for the key %s if it is absent',
    async (key) => {
      const network = new FakeNetwork();
      const value = (await network.client()).session(TOKEN).get(key);
      await endOfTick();
      network.socket.replies([1, 1, { keys: {} }]);
      expect(await value).toBeUndefined();
    },
  );

  test('reads what it was asked for, though the caller changes the array later', async () => {
    const network = new FakeNetwork();
    const keys = ['a', 'b'];
    void (await network.client()).session(TOKEN).getMany(keys);
    await endOfTick();
    keys.push('c');
    network.socket.breaks();
    network.timers.advance(50);
    network.socket.opens();
    await endOfTick();
    expect(network.socket.commands[0]!.body).toEqual({ keys: ['a', 'b'] });
  });

  test('types what it reads and stores after the shape', () => {
    expectTypeOf<DataMap<Shop>['set']>().parameter(0).toEqualTypeOf<{
      readonly cart?: Shop['cart'];
      readonly visits?: number;
    }>();
    const get = (map: DataMap<Shop>): Promise<number | undefined> => map.get('visits');
    expectTypeOf(get).returns.resolves.toEqualTypeOf<number | undefined>();
    // @ts-expect-error the shape has no such key
    void ((map: DataMap<Shop>) => map.get('other'));
    // @ts-expect-error the value has another type
    void ((map: DataMap<Shop>) => map.set({ visits: 'three' }));
  });
});

/** Calls one method on a session; gives the body sent and the result of the reply. */
async function callOn<Result>(
  call: (map: DataMap<Shop>) => Promise<Result>,
  reply: unknown,
  status = 1,
): Promise<{ readonly body: unknown; readonly result: Promise<Result> }> {
  const network = new FakeNetwork();
  const session = (await network.client()).session<Shop>(TOKEN);
  const result = call(session);
  result.catch(() => undefined);
  await endOfTick();
  network.socket.replies([1, status, reply]);
  return { body: network.socket.commands[0]!.body, result };
}

describe('DataMap.inc', () => {
  test.each([5, -5, 0.5, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n])('adds %s', async (by) => {
    const { body, result } = await callOn((map) => map.inc('visits', by), { value: by });
    expect(Number((body as { by: number }).by)).toBe(Number(by));
    expect(await result).toBe(by);
  });

  test('counts beyond 2^53 exactly', async () => {
    const value = 2n ** 53n + 1n;
    const { body, result } = await callOn((map) => map.inc('visits', value), { value });
    expect(body).toEqual({ key: 'visits', by: value });
    expect(await result).toBe(value);
  });

  test.each([2n ** 64n, -(2n ** 63n) - 1n, Number.NaN, '1' as unknown as number])(
    'refuses to add %s',
    async (by) => {
      const session = (await new FakeNetwork().client()).session<Shop>(TOKEN);
      await expect(session.inc('visits', by)).rejects.toThrow(/^by must be (a|an) (num|int)/);
    },
  );

  test('is offered for keys that may hold a number only', () => {
    // @ts-expect-error a basket is no number
    void ((map: DataMap<Shop>) => map.inc('cart'));
    void ((map: DataMap) => map.inc('anything'));
  });
});

describe('DataMap.cas', () => {
  test('tells the version that the session has, if it is another one', async () => {
    const { result } = await callOn(
      (map) => map.cas(7, { set: { visits: 1 } }),
      { version: 9 },
      207,
    );
    await expect(result).rejects.toThrow(VersionMismatchError);
    await expect(result).rejects.toMatchObject({ version: 9 });
  });

  test('leaves out what is not to change', async () => {
    expect((await callOn((map) => map.cas(7, {}), { version: 8 })).body).toEqual({ version: 7 });
  });

  test.each([-1, 0.5, 2 ** 53])('refuses the version %d', async (version) => {
    const session = (await new FakeNetwork().client()).session<Shop>(TOKEN);
    await expect(session.cas(version, {})).rejects.toThrow('version must be a whole number from 0');
  });
});

describe('DataMap.update and find', () => {
  test('update() is false where the value has no such place', async () => {
    const { result } = await callOn((map) => map.update('cart', '/no', 1), { cnt: 0 });
    expect(await result).toBe(false);
  });

  test('update() refuses to store undefined', async () => {
    const session = (await new FakeNetwork().client()).session<Shop>(TOKEN);
    await expect(session.update('cart', '/a', undefined)).rejects.toThrow('value is missing');
  });

  test('find() gives keys and values, or paths, when asked for them', async () => {
    const found = await callOn((map) => map.find('$.items', 'kv', ['cart']), { keys: { cart } });
    expect(found.body).toEqual({ path: '$.items', rsp: 'kv', keys: ['cart'] });
    expect((await found.result).cart).toEqual(cart);
    const paths = ["$['items']"];
    const { result } = await callOn((map) => map.find('$.items', 'paths'), { paths });
    expect(await result).toEqual(paths);
  });

  test('find() is typed by what is asked for', () => {
    type Find = (map: DataMap<Shop>) => Promise<unknown>;
    const keys = ((map: DataMap<Shop>) => map.find('$')) satisfies Find;
    expectTypeOf(keys).returns.resolves.toEqualTypeOf<readonly ('cart' | 'visits')[]>();
    const values = ((map: DataMap<Shop>) => map.find('$', 'kv')) satisfies Find;
    expectTypeOf(values).returns.resolves.toEqualTypeOf<{
      readonly cart?: Shop['cart'];
      readonly visits?: number;
    }>();
  });
});

describe('DataMap.batch', () => {
  test('sends all commands as one and gives each its result', async () => {
    const reply = {
      rsps: [
        [1, null],
        [1, { value: 4 }],
        [1, { keys: { cart } }],
      ],
    };
    const { body, result } = await callOn(
      (map) => map.batch((b) => [b.set({ cart }), b.inc('visits', 2), b.get('cart')]),
      reply,
    );
    expect(body).toEqual({
      cmds: [
        [32, { keys: { cart } }],
        [42, { key: 'visits', by: 2 }],
        [34, { keys: ['cart'] }],
      ],
    });
    expect(await result).toEqual([undefined, 4, cart]);
    const [, visits, found] = await result;
    expectTypeOf(visits).toEqualTypeOf<number | bigint>();
    expectTypeOf(found).toEqualTypeOf<Shop['cart'] | undefined>();
  });

  test('says SH_ numbers on the default map, too', async () => {
    const network = new FakeNetwork();
    const { defaultMap } = await network.client();
    const result = defaultMap.batch((b) => [b.count()]);
    await endOfTick();
    const { op, token, body } = network.socket.commands[0]!;
    expect({ op, token, body }).toEqual({ op: 111, token: null, body: { cmds: [[39, null]] } });
    network.socket.replies([1, 1, { rsps: [[1, { cnt: 2 }]] }]);
    expect(await result).toEqual([2]);
  });

  test('rejects with the error of the command that failed, and tells which it was', async () => {
    const reply = {
      rsps: [
        [1, null],
        [207, { version: 9, m: 'changed' }],
      ],
    };
    const { result } = await callOn(
      (map) => map.batch((b) => [b.set({ visits: 1 }), b.cas(3, {}), b.count()]),
      reply,
      207,
    );
    await expect(result).rejects.toThrow(VersionMismatchError);
    await expect(result).rejects.toMatchObject({ failedStep: 1, version: 9, message: 'changed' });
  });

  test('rejects a reply that has not as many results as commands', async () => {
    const { result } = await callOn((map) => map.batch((b) => [b.count()]), { rsps: [] });
    await expect(result).rejects.toThrow(MalformedReplyError);
  });

  test.each([
    ['a bad argument', (map: DataMap<Shop>) => map.batch((b) => [b.get(7 as unknown as 'cart')])],
    ['a batch in a batch', (map: DataMap) => map.batch((b) => [(b as DataMap).batch(() => [])])],
    [
      'a builder that is async',
      (map: DataMap) => map.batch((async (b: DataMap) => [b.inc('n')]) as never),
    ],
    [
      'a builder that gives no array',
      (map: DataMap) => map.batch(((b: DataMap) => b.inc('n')) as never),
    ],
    [
      'changes that cas() does not know',
      (map: DataMap) => map.batch((b) => [b.inc('n'), b.cas(3, { rmv: ['a'] } as never)]),
    ],
    [
      'a builder that throws',
      (map: DataMap) =>
        map.batch(() => {
          throw new TypeError('oh');
        }),
    ],
  ] as [string, (map: DataMap) => Promise<unknown>][])(
    'sends nothing after %s',
    async (_, call) => {
      const network = new FakeNetwork();
      const session = (await network.client()).session(TOKEN);
      const result = call(session);
      result.catch(() => undefined);
      await endOfTick();
      expect(network.socket.commands).toEqual([]);
      await expect(result).rejects.toThrow(TypeError);
    },
  );

  test('takes no command after it was sent', async () => {
    const network = new FakeNetwork();
    const session = (await network.client()).session<Shop>(TOKEN);
    let late: (() => Promise<unknown>) | undefined;
    void session.batch((b) => {
      late = () => b.count();
      return [b.count()];
    });
    await expect(late?.()).rejects.toThrow('the batch has been sent already');
  });
});
