/**
 * Random commands for the crash test: sessions of all kinds of lives, values from nothing to some
 * 100 KB, sessions that cross the border between small and big (32 keys, 4 KiB) in both directions.
 */
import { CATALOGUE } from '../../src/protocol/catalogue.js';
import type { CrashCommand, CrashExpiry } from './crash-model.js';
import type { Random } from './random.js';

const KEYS = 60;
const VALUES = 0x7fff_ffff;
const COUNTS = [1, 1, 2, 2, 5, 40];
const NAMES = [
  ...['SH_SET', 'SH_SET', 'SH_SET', 'SH_SET', 'SH_SET', 'SH_SET', 'SH_ADD', 'SH_ADD', 'SH_RMV'],
  ...['SH_RMV', 'SH_CLEAR', 'SH_CLEAR_SET', 'SH_TOUCH', 'SH_EXPIRE', 'SH_COUNT', 'SH_GET_ALL'],
  ...['SH_INC', 'SH_TAKE', 'SH_CAS', 'SH_UPDATE', 'SH_BATCH'],
];
const NAMES_DEFAULT_MAP = NAMES.filter((name) => name !== 'SH_TOUCH' && name !== 'SH_EXPIRE');
/** Seconds. Short ones die while the server is up, while it is down, and while it recovers. */
const DURATIONS = [0.3, 0.9, 2, 5, 3_600, 3_600];

/** Hardly two values are the same, so a value tells which write it is of. */
function randomValue(random: Random): string {
  const text = `${random.below(VALUES).toString(36)}.`;
  const kind = random.below(400);
  if (kind === 0) return text.padEnd(20_000 + random.below(80_000), text);
  if (kind < 12) return text.padEnd(random.below(5_000), text);
  if (kind < 60) return text.padEnd(random.below(600), text);
  return text.padEnd(random.below(50), text);
}

function randomPairs(random: Random): Record<string, string> {
  const pairs: Record<string, string> = {};
  const count = COUNTS[random.below(COUNTS.length)]!;
  for (let pair = 0; pair < count; pair += 1) pairs[randomKey(random)] = randomValue(random);
  return pairs;
}

function randomKey(random: Random): string {
  const key = `key ${random.below(KEYS)}`;
  return random.below(20) === 0 ? key.padEnd(260, '.') : key;
}

function randomKeys(random: Random): string[] {
  const count = COUNTS[random.below(COUNTS.length)]!;
  return [...new Set(Array.from({ length: count }, () => randomKey(random)))];
}

function randomExpiry(random: Random): CrashExpiry | undefined {
  if (random.below(3) === 0) return undefined;
  const flags = random.below(8);
  const expiry = {
    duration: DURATIONS[random.below(DURATIONS.length)]!,
    deleteSession: (flags & 1) !== 0,
    extendOnSetAdd: (flags & 2) !== 0,
    extendOnGet: (flags & 4) !== 0,
  };
  return random.below(5) === 0 ? { ...expiry, maxAge: 1 + random.below(12) / 2 } : expiry;
}

/** The parts of a start that private and shared sessions have in common. */
function randomStart(random: Random): Record<string, unknown> {
  const expiry = randomExpiry(random);
  const keys = random.below(4) === 0 ? {} : { keys: randomPairs(random) };
  return expiry === undefined ? keys : { ...keys, expiry };
}

export function newPrivate(random: Random): CrashCommand {
  return { name: 'SH_NEW', body: randomStart(random) };
}

/** Starts or opens the shared session of a name. */
export function newShared(random: Random, name: string): CrashCommand {
  const body = { ...randomStart(random), name };
  if (random.below(3) === 0) return { name: 'SH_NEW', body: { ...body, shared: true } };
  return { name: 'SH_OPEN', body: { ...body, create: true } };
}

/** The body of one of the commands that read and write in one step. */
function randomStep(random: Random, name: string): Record<string, unknown> {
  switch (name) {
    case 'SH_INC':
      // Keys of their own, so that they always hold numbers.
      return { key: `count ${random.below(3)}`, by: random.below(1_000) };
    case 'SH_TAKE':
      return { keys: randomKeys(random) };
    case 'SH_CAS': {
      // Few versions, so that some are right.
      const version = random.below(6);
      return { version, rmv: randomKeys(random), set: randomPairs(random) };
    }
    default:
      return { key: randomKey(random), path: '', value: randomValue(random) };
  }
}

/** Some fail halfway: a key to update may not be there. */
function randomBatch(random: Random): [number, Record<string, unknown>][] {
  return Array.from({ length: 1 + random.below(5) }, () => {
    const name = (['SH_SET', 'SH_RMV', 'SH_INC', 'SH_TAKE', 'SH_UPDATE'] as const)[
      random.below(5)
    ]!;
    const body =
      name === 'SH_SET'
        ? { keys: randomPairs(random) }
        : name === 'SH_RMV'
          ? { keys: randomKeys(random) }
          : randomStep(random, name);
    return [CATALOGUE[name].op, body];
  });
}

/** @param kind the session's; private ones end now and then, to make room for others. */
export function randomCommand(
  random: Random,
  kind: 'private' | 'shared' | 'default map',
): CrashCommand {
  if (kind !== 'default map' && random.below(60) === 0) return { name: 'SH_END', body: null };
  const names = kind === 'default map' ? NAMES_DEFAULT_MAP : NAMES;
  const name = names[random.below(names.length)]!;
  switch (name) {
    case 'SH_SET':
    case 'SH_ADD':
    case 'SH_CLEAR_SET':
      return { name, body: { keys: randomPairs(random) } };
    case 'SH_RMV':
      return { name, body: { keys: randomKeys(random) } };
    case 'SH_EXPIRE':
      return { name, body: { expiry: randomExpiry(random) ?? null } };
    case 'SH_BATCH':
      return { name, body: { cmds: randomBatch(random) } };
    case 'SH_TOUCH':
    case 'SH_CLEAR':
    case 'SH_COUNT':
    case 'SH_GET_ALL':
      return { name, body: null };
    default:
      return { name, body: randomStep(random, name) };
  }
}
