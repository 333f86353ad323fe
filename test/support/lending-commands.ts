/**
 * Random commands to a shard that is lent: sessions of all kinds of lives, values from one byte to
 * some 60 KB, so that pages of many size classes come and go, small sessions that become big and back.
 * What an I/O thread adds on the way is added here: digests, minted ones for SH_ROTATE.
 */
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { commandEntryOf } from '../../src/protocol/catalogue.js';
import { FLAG_DEFAULT_MAP, FLAG_MINTED } from '../../src/ring/records.js';
import type { LendingIo } from './lending-io.js';
import { mintedBody } from './owner-shard.js';
import { sessionKey } from './shard-harness.js';

const PRIVATE = 8;
/** Sessions that have a name, and so are there for whoever opens them. */
const SHARED = 4;
const SHARED_FROM = 1_000_000;
const OWNERS = ['ann', 'bob', ''];

export interface LentCommand {
  readonly name: string;
  /** Below PRIVATE a private session, then the shared ones. */
  readonly session: number;
  readonly body: unknown;
}

export interface LentStep {
  /** Who is to run it; a borrower that may not leaves it to the shard. */
  readonly by: 'shard' | 'borrower';
  readonly io: number;
  readonly advanceMs: number;
  /** Whether pages of others come or go first, if it is the shard's. */
  readonly fills: boolean;
  readonly commands: readonly LentCommand[];
}

const value = fc
  .tuple(
    fc.oneof(
      { weight: 12, arbitrary: fc.nat(60) },
      { weight: 5, arbitrary: fc.nat(700) },
      { weight: 3, arbitrary: fc.nat(5_000) },
      { weight: 1, arbitrary: fc.nat(60_000) },
    ),
    fc.constantFrom('a', 'b', 'c'),
  )
  .map(([size, letter]) => letter.repeat(size));
const key = fc.nat(50).map((number) => `k${number}`);
const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 6 });
const pairs = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(key, value, { minKeys: 1, maxKeys: 6 }) },
  // More than a small session may have.
  {
    weight: 1,
    arbitrary: fc.nat(60).map((n) => Object.fromEntries(range(n).map((i) => [`k${i}`, i]))),
  },
);
const expiry = fc.oneof(
  fc.constant(null),
  fc.record({
    duration: fc.constantFrom(0.05, 0.3, 2, 60),
    deleteSession: fc.boolean(),
    extendOnSetAdd: fc.boolean(),
    extendOnGet: fc.boolean(),
  }),
  fc.record({ duration: fc.constant(5), maxAge: fc.constantFrom(1, 4) }),
);
const owner = fc.constantFrom(...OWNERS);

/** Commands with their bodies, by weight. */
const MADE: readonly [weight: number, name: string, body: fc.Arbitrary<unknown>][] = [
  [6, 'SH_NEW', fc.record({ keys: pairs, expiry, owner })],
  [3, 'SH_OPEN', fc.record({ keys: pairs, expiry, owner, create: fc.boolean() })],
  [12, 'SH_SET', fc.record({ keys: pairs })],
  [3, 'SH_ADD', fc.record({ keys: pairs })],
  [4, 'SH_RMV', fc.record({ keys })],
  [3, 'SH_TAKE', fc.record({ keys })],
  [3, 'SH_CLEAR_SET', fc.record({ keys: pairs })],
  [2, 'SH_INC', fc.record({ key: fc.constant('count'), by: fc.nat(9) })],
  [2, 'SH_CAS', fc.record({ version: fc.nat(6), rmv: keys, set: pairs })],
  [
    2,
    'SH_BATCH',
    fc.record({ cmds: fc.array(fc.constant([opOf('SH_TOUCH'), {}]), { maxLength: 1 }) }),
  ],
  [2, 'SH_EXPIRE', fc.record({ expiry })],
  [2, 'SH_SET_OWNER', fc.record({ owner })],
  [4, 'SH_GET', fc.record({ keys })],
  [2, 'SH_ROTATE', fc.record({ grace: fc.constantFrom(0, 1) })],
  ...['SH_CLEAR', 'SH_END', 'SH_GET_ALL', 'SH_KEYS', 'SH_COUNT', 'SH_INFO', 'SH_TOUCH'].map(
    (name): [number, string, fc.Arbitrary<unknown>] => [2, name, fc.constant(null)],
  ),
  [1, 'SH_LIST', fc.record({ owner: fc.constantFrom('ann', 'bob') })],
  [1, 'SH_INFO_ALL', fc.constant(null)],
  [1, 'SH_END_ALL', fc.constant(null)],
  [3, 'KV_SET', fc.record({ keys: pairs })],
  [2, 'KV_RMV', fc.record({ keys })],
  [1, 'KV_CLEAR', fc.constant(null)],
  [1, 'KV_GET_ALL', fc.constant(null)],
];

const command: fc.Arbitrary<LentCommand> = fc.oneof(
  ...MADE.map(([weight, name, body]) => ({
    weight,
    arbitrary: fc.record({ name: fc.constant(name), session: fc.nat(PRIVATE + SHARED - 1), body }),
  })),
);

export function lentSteps(): fc.Arbitrary<LentStep[]> {
  return fc.array(
    fc.record({
      by: fc.constantFrom('shard' as const, 'borrower' as const, 'borrower' as const),
      io: fc.nat(1),
      advanceMs: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 400 })),
      fills: fc.boolean(),
      commands: fc.array(command, { minLength: 1, maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 80, size: 'max' },
  );
}

/** Gives private sessions their digests: a new one with each start and each rotation. */
export class LentSessions {
  readonly #generations = new Array<number>(PRIVATE).fill(0);

  /** Pushes a command to each of several shards, the same to all. */
  push({ name, session, body }: LentCommand, ios: readonly LendingIo[]): void {
    const isShared = session >= PRIVATE || name === 'SH_OPEN';
    const before = this.#keyOf(session, isShared);
    if (!isShared && (name === 'SH_NEW' || name === 'SH_ROTATE')) this.#generations[session]! += 1;
    const after = this.#keyOf(session, isShared);
    const isStart = name === 'SH_NEW' || name === 'SH_OPEN';
    const named = isShared ? { name: `s${session}` } : {};
    const shared = isShared && name === 'SH_NEW' ? { shared: true } : {};
    const content = isStart ? { ...(body as object), ...named, ...shared } : body;
    // The token of a shared session is its name's: it is not rotated.
    const isMinted = name === 'SH_ROTATE' && !isShared;
    const bytes = isMinted ? mintedBody({ ...after, slot: before.slot }, content) : encode(content);
    const kv = name.startsWith('KV_') ? FLAG_DEFAULT_MAP : 0;
    const flags = kv | (isMinted ? FLAG_MINTED : 0);
    if (name === 'SH_ROTATE' && isShared)
      return this.push({ name: 'SH_COUNT', session, body: null }, ios);
    for (const io of ios) io.pushRaw(opOf(name), isStart ? after : before, bytes, flags);
  }

  /** The slot stays, as a rotation keeps it. */
  #keyOf(session: number, isShared: boolean): ReturnType<typeof sessionKey> {
    if (isShared) return sessionKey(SHARED_FROM + session);
    return { ...sessionKey(session + this.#generations[session]! * PRIVATE), slot: session };
  }
}

function opOf(name: string): number {
  return commandEntryOf(name)!.op;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
