/**
 * The commands of sessions over plain Maps: what a shard is compared with. Sessions go by numbers;
 * number DEFAULT_MAP is the default map, those from SHARED_FROM on are shared.
 */
import type { SharedManualClock } from '../../src/core/clock.js';
import type { Random } from './random.js';

interface ModelExpiry {
  readonly duration: number;
  readonly deleteSession: boolean;
  readonly extendOnSetAdd: boolean;
  readonly extendOnGet: boolean;
  readonly maxAge?: number;
}

interface ModelSession {
  keys: Map<string, unknown>;
  createdMs: number;
  version: number;
  expiry: ModelExpiry | undefined;
  deadlineMs: number;
}

export const DEFAULT_MAP = -1;
export const SHARED_FROM = 1_000;

export interface ModelCommand {
  readonly name: string;
  readonly body: Record<string, unknown> | null;
}

export interface ModelReply {
  readonly status: number;
  readonly body: Record<string, unknown> | null;
}

const OK = 1;
const EXTENDS_ON_WRITE = ['SH_SET', 'SH_ADD', 'SH_RMV', 'SH_CLEAR', 'SH_CLEAR_SET'];
const EXTENDS_ON_READ = ['SH_GET', 'SH_GET_ALL', 'SH_CONTAINS', 'SH_KEYS', 'SH_COUNT'];
const DATA_NAMES = [...EXTENDS_ON_WRITE, ...EXTENDS_ON_READ, 'SH_SET', 'SH_GET'];
const NAMES = [
  ...['SH_NEW', 'SH_NEW', 'SH_SET', 'SH_SET', 'SH_SET', 'SH_SET', 'SH_ADD', 'SH_GET', 'SH_GET'],
  ...['SH_GET_ALL', 'SH_RMV', 'SH_RMV', 'SH_CONTAINS', 'SH_KEYS', 'SH_COUNT', 'SH_CLEAR'],
  ...['SH_CLEAR_SET', 'SH_TOUCH', 'SH_EXPIRE', 'SH_END', 'SH_INFO'],
];

export class ModelSessions {
  readonly #clock: SharedManualClock;
  readonly #sessions = new Map<number, ModelSession>();
  readonly #defaultMap: ModelSession;

  constructor(clock: SharedManualClock) {
    this.#clock = clock;
    this.#defaultMap = this.#newSession({});
  }

  randomCommand(random: Random, number: number): ModelCommand {
    const isThere = this.#sessions.has(number);
    const name = randomName(random, number, isThere);
    switch (name) {
      case 'SH_NEW': {
        const body = { keys: randomPairs(random), ...randomExpiry(random) };
        if (number >= SHARED_FROM)
          return { name, body: { ...body, shared: true, name: `${number}` } };
        // A digest in use cannot be minted again: end it instead.
        return isThere ? { name: 'SH_END', body: null } : { name, body };
      }
      case 'SH_OPEN': {
        const body = { keys: randomPairs(random), ...randomExpiry(random) };
        return { name, body: { ...body, name: `${number}`, create: random.below(2) === 0 } };
      }
      case 'SH_SET':
      case 'SH_ADD':
      case 'SH_CLEAR_SET':
        return { name, body: { keys: randomPairs(random) } };
      case 'SH_GET':
      case 'SH_CONTAINS':
      case 'SH_RMV':
        return { name, body: { keys: randomKeys(random) } };
      case 'SH_EXPIRE':
        return { name, body: { expiry: randomExpiry(random).expiry ?? null } };
      default:
        return { name, body: null };
    }
  }

  execute(command: ModelCommand, number: number): ModelReply {
    const session = this.#find(number);
    if (command.name === 'SH_NEW' || command.name === 'SH_OPEN') {
      return this.#open(command, number, session !== undefined);
    }
    if (session === undefined) return { status: 100, body: null };
    const extendsNow =
      (EXTENDS_ON_WRITE.includes(command.name) && session.expiry?.extendOnSetAdd === true) ||
      (EXTENDS_ON_READ.includes(command.name) && session.expiry?.extendOnGet === true);
    if (extendsNow) this.#touch(session);
    return { status: OK, body: this.#run(command, session, number) };
  }

  infoAll(): Record<string, number> {
    for (const number of [...this.#sessions.keys()]) this.#find(number);
    let totalKeys = 0;
    for (const session of this.#sessions.values()) totalKeys += session.keys.size;
    return { totalSessions: this.#sessions.size, totalKeys };
  }

  #open(command: ModelCommand, number: number, isThere: boolean): ModelReply {
    const isOpen = command.name === 'SH_OPEN';
    const { name, create } = command.body as { name?: string; create?: boolean };
    if (isThere && !isOpen) return { status: 103, body: { name } };
    if (!isThere && isOpen && create !== true) return { status: 102, body: null };
    if (!isThere) {
      const session = this.#newSession(command.body?.keys as object);
      this.#sessions.set(number, session);
      this.#setExpiry(session, command.body?.expiry as ModelExpiry | undefined);
    }
    if (isOpen) return { status: OK, body: { created: !isThere } };
    return { status: OK, body: name === undefined ? null : { name } };
  }

  #newSession(keys: object): ModelSession {
    return {
      keys: new Map(Object.entries(keys)),
      createdMs: this.#clock.nowMs(),
      version: 0,
      expiry: undefined,
      deadlineMs: Infinity,
    };
  }

  #run(
    command: ModelCommand,
    session: ModelSession,
    number: number,
  ): Record<string, unknown> | null {
    const { keys } = session;
    const named = command.body?.keys;
    const wrote = (changed: boolean): void => {
      if (changed) session.version += 1;
    };
    switch (command.name) {
      case 'SH_SET':
        for (const [key, value] of Object.entries(named as object)) keys.set(key, value);
        wrote(true);
        return null;
      case 'SH_ADD': {
        const absent = Object.entries(named as object).filter(([key]) => !keys.has(key));
        for (const [key, value] of absent) keys.set(key, value);
        wrote(absent.length > 0);
        return null;
      }
      case 'SH_GET': {
        const there = (named as string[]).filter((key) => keys.has(key));
        return { keys: Object.fromEntries(there.map((key) => [key, keys.get(key)])) };
      }
      case 'SH_GET_ALL':
        return { keys: Object.fromEntries(keys) };
      case 'SH_RMV': {
        const cnt = (named as string[]).filter((key) => keys.delete(key)).length;
        wrote(cnt > 0);
        return { cnt };
      }
      case 'SH_CONTAINS':
        return { contains: (named as string[]).filter((key) => keys.has(key)) };
      case 'SH_KEYS':
        return { keys: [...keys.keys()] };
      case 'SH_COUNT':
        return { cnt: keys.size };
      case 'SH_CLEAR':
      case 'SH_CLEAR_SET': {
        const cnt = keys.size;
        const isReplaced = command.name === 'SH_CLEAR_SET';
        session.keys = new Map(isReplaced ? Object.entries(named as object) : []);
        wrote(cnt > 0 || isReplaced);
        return { cnt };
      }
      case 'SH_TOUCH':
        this.#touch(session);
        return remainingOf(session, this.#clock.nowMs());
      case 'SH_EXPIRE':
        this.#setExpiry(session, (command.body?.expiry as ModelExpiry | null) ?? undefined);
        if (session.deadlineMs > this.#clock.nowMs()) {
          return remainingOf(session, this.#clock.nowMs());
        }
        this.#find(number);
        return { remaining: 0 };
      case 'SH_END':
        this.#sessions.delete(number);
        return null;
      case 'SH_INFO':
        return this.#info(session, number >= SHARED_FROM);
      default:
        throw new Error(`the model has no ${command.name}`);
    }
  }

  #info(session: ModelSession, shared: boolean): Record<string, unknown> {
    const { expiry } = session;
    let bytes = 0;
    for (const [key, value] of session.keys) bytes += storedBytes(key) + storedBytes(value);
    const info = {
      shared,
      keyCnt: session.keys.size,
      bytes,
      created: session.createdMs / 1_000,
      version: session.version,
      expires: expiry !== undefined,
    };
    if (expiry === undefined) return info;
    const { maxAge, ...rest } = expiry;
    const remaining = remainingOf(session, this.#clock.nowMs());
    const state = { ...rest, ...remaining, ...(maxAge === undefined ? {} : { maxAge }) };
    return { ...info, expiry: state };
  }

  #find(number: number): ModelSession | undefined {
    const session = number === DEFAULT_MAP ? this.#defaultMap : this.#sessions.get(number);
    const nowMs = this.#clock.nowMs();
    while (session !== undefined && session.deadlineMs <= nowMs) {
      const absoluteMs = absoluteOf(session);
      if (session.expiry?.deleteSession === true || session.deadlineMs >= absoluteMs) {
        this.#sessions.delete(number);
        return undefined;
      }
      if (session.keys.size > 0) session.version += 1;
      session.keys.clear();
      const idleMs = session.expiry!.duration * 1_000;
      session.deadlineMs = Math.min(session.deadlineMs + idleMs, absoluteMs);
    }
    return session;
  }

  #touch(session: ModelSession): void {
    const duration = session.expiry?.duration ?? 0;
    const idle = duration > 0 ? this.#clock.nowMs() + duration * 1_000 : Infinity;
    session.deadlineMs = Math.min(idle, absoluteOf(session));
  }

  #setExpiry(session: ModelSession, expiry: ModelExpiry | undefined): void {
    session.expiry = expiry;
    this.#touch(session);
  }
}

function absoluteOf(session: ModelSession): number {
  const maxAge = session.expiry?.maxAge;
  return maxAge === undefined ? Infinity : session.createdMs + maxAge * 1_000;
}

function remainingOf(session: ModelSession, nowMs: number): Record<string, unknown> | null {
  if (session.deadlineMs === Infinity) return null;
  return { remaining: Math.ceil(session.deadlineMs - nowMs) / 1_000 };
}

/** Values are strings and small integers here. */
function storedBytes(value: unknown): number {
  if (typeof value === 'number') return 1;
  const length = (value as string).length;
  if (length < 32) return 1 + length;
  return (length < 256 ? 2 : length < 65_536 ? 3 : 5) + length;
}

function randomName(random: Random, number: number, isThere: boolean): string {
  if (number === DEFAULT_MAP) return DATA_NAMES[random.below(DATA_NAMES.length)]!;
  if (number >= SHARED_FROM && random.below(8) === 0) return 'SH_OPEN';
  if (isThere) return NAMES[random.below(NAMES.length)]!;
  return random.below(3) > 0 ? 'SH_NEW' : 'SH_GET';
}

/** Few keys mostly, sometimes many; values from nothing to more than a block of the arena. */
function randomPairs(random: Random): Record<string, unknown> {
  const pairs: Record<string, unknown> = {};
  const count = [1, 2, 5, 40][random.below(4)]!;
  for (let pair = 0; pair < count; pair += 1) pairs[randomKey(random)] = randomValue(random);
  return pairs;
}

function randomKeys(random: Random): string[] {
  const keys: string[] = [];
  const count = [1, 2, 5, 40][random.below(4)]!;
  for (let key = 0; key < count; key += 1) keys.push(randomKey(random));
  return [...new Set(keys)];
}

function randomKey(random: Random): string {
  const key = `key ${random.below(60)}`;
  const padding = [0, 0, 0, 30, 260][random.below(5)]!;
  return random.below(8) === 0 ? key.padEnd(padding, '.') : key;
}

function randomValue(random: Random): unknown {
  const kind = random.below(200);
  if (kind === 0) return 'v'.repeat(30_000 + random.below(50_000));
  if (kind < 10) return 'v'.repeat(random.below(3_000));
  if (kind < 60) return random.below(100);
  return 'v'.repeat(random.below(60));
}

function randomExpiry(random: Random): { expiry?: ModelExpiry } {
  if (random.below(3) === 0) return {};
  const duration = [0, 0.5, 1.25, 60][random.below(4)]!;
  const maxAge = random.below(4) === 0 ? 1 + random.below(8) : undefined;
  if (duration === 0 && maxAge === undefined) return {};
  const flags = random.below(8);
  const expiry = {
    duration,
    deleteSession: (flags & 1) !== 0,
    extendOnSetAdd: (flags & 2) !== 0,
    extendOnGet: (flags & 4) !== 0,
  };
  return { expiry: maxAge === undefined ? (expiry as ModelExpiry) : { ...expiry, maxAge } };
}
