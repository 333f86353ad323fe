import { describe, expect, expectTypeOf, test } from 'vitest';
import type { DataMap } from '../../../src/client/data-map.js';
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
