/**
 * The whole server as plain Maps: every command on sessions, their data and saved sets, and none of
 * its code. A token and its id are one label, which the driver maps to what the server gave. Bodies
 * are as they should be, commands come one after another, deadlines pass when somebody looks.
 * Members of sessions are replaced, never written into.
 */
import type { Config } from '../../src/config/options.js';
import { bytesOf, pathsIn, withPart, type Value, type ValueMap } from './model-values.js';

export type Label = string;
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each command has members of its own
export type Body = Readonly<Record<string, any>>;
export type Reply = readonly [status: number, body?: Body]; // undefined members are not there
export type Push = { connection: number; event: string; body: Body }; // to one that watches

class Session {
  token = '';
  former: readonly { token: Label; graceUntilMs: number }[] = []; // replaced tokens, newest first
  name: string | undefined;
  owner: string | undefined;
  createdMs = 0;
  lastUsed = 0;
  expiry: Body = {};
  deadlineMs = Infinity;
  keys: ValueMap = new Map();
  version = 0;
  watchers: readonly number[] = []; // connections
}

/** What a data command answers and does: clears, removes, sets, in this order. */
type Outcome = { st?: number; body?: Body; clears?: boolean; rmv?: string[]; set?: Pairs };
type Pairs = Iterable<readonly [string, Value]>;

/** By their names without SH_. */
const DATA: Readonly<Record<string, (on: Session, body: Body, config: Config) => Outcome>> = {
  SET: (_on, { keys }) => ({ set: keys }),
  ADD: (on, { keys }) => ({ set: [...keys].filter(([key]) => !on.keys.has(key)) }),
  GET: (on, { keys }) => ({ body: { keys: pick(on, keys) } }),
  GET_ALL: ({ keys }) => ({ body: { keys } }),
  RMV: (on, { keys }) => ({ rmv: keys, body: { cnt: pick(on, keys).size } }),
  CONTAINS: ({ keys }, body) => ({ body: { contains: body.keys.filter(keys.has, keys) } }),
  KEYS: ({ keys }) => ({ body: { keys: [...keys.keys()] } }),
  COUNT: ({ keys }) => ({ body: { cnt: keys.size } }),
  CLEAR: ({ keys }) => ({ clears: true, body: { cnt: keys.size } }),
  CLEAR_SET: (on, { keys }) => ({ clears: true, set: keys, body: { cnt: on.keys.size } }),
  INC: (on, { key, by = 1n }) => {
    const old = on.keys.has(key) ? on.keys.get(key) : 0n;
    if (typeof old !== 'bigint' && typeof old !== 'number') return { st: 208 };
    const isExact = typeof old === 'bigint' && typeof by === 'bigint';
    const value = isExact ? old + by : Number(old) + Number(by);
    const fits = isExact ? value >= -(2n ** 63n) && value < 2n ** 64n : Number.isFinite(value);
    return fits ? { set: [[key, value]], body: { value } } : { st: 42 };
  },
  TAKE: (on, { keys }) => ({ rmv: keys, body: { keys: pick(on, keys) } }),
  CAS: (on, { version, set, rmv }) => (Number(version) === on.version ? { set, rmv } : { st: 207 }),
  UPDATE: (on, { key, path, value }) => {
    if (!on.keys.has(key)) return { st: 22, body: { cnt: 0 } };
    const changed = withPart(on.keys.get(key)!, path, value);
    return { set: changed.map((each) => [key, each]), body: { cnt: changed.length } };
  },
  FIND: (on, { keys, path, rsp }, { maxFindBytes }) => {
    const where = keys === undefined ? on.keys : pick(on, keys);
    const all = [...where].map(([key, value]) => [key, pathsIn(value, path)] as const);
    const hits = all.filter(([, paths]) => paths.length > 0).map(([key]) => key);
    const paths = rsp === 'paths' ? all.flatMap(([, each]) => each) : [];
    if (Math.max(bytesOf(where), paths.join('').length) > maxFindBytes) return { st: 204 };
    return { body: rsp === 'paths' ? { paths } : { keys: rsp === 'kv' ? pick(on, hits) : hits } };
  },
};
const READING = ['GET', 'GET_ALL', 'CONTAINS', 'KEYS', 'COUNT', 'FIND'];

function pick({ keys }: Session, names: readonly string[]): ValueMap {
  return new Map(names.filter((key) => keys.has(key)).map((key) => [key, keys.get(key)!]));
}

function keysIn(sessions: readonly Session[]): number {
  return sessions.flatMap(({ keys }) => [...keys]).length;
}

export class ReferenceModel {
  nowMs = 0;
  readonly pushes: Push[] = []; // all that were sent so far, each session's in order
  readonly #config: Config; // of the server that it is compared with
  readonly #defaultMap = new Session();
  readonly #saved = new Map<string, Session[] | ValueMap>();
  #sessions: Session[] = [];
  #minted = 0;

  constructor(config: Config) {
    this.#config = config;
  }

  execute(name: string, token: Label | undefined, body: Body, connection: number): Reply {
    if (name in this.#ofServer) return this.#ofServer[name]!(body);
    const on = this.find(token, name);
    if (typeof on === 'number') return [on];
    on.lastUsed = this.nowMs / 1_000;
    return this.#ofSession[name]?.(on, body, connection) ?? this.#data(on, name.slice(3), body);
  }

  /** The session that a command reaches; 110 by a token rotated away, 100 by any other or none. */
  find(token: Label | undefined, command = ''): Session | 100 | 110 {
    if (token === undefined && command.startsWith('KV_')) return this.#defaultMap;
    const has = (each: { readonly token: Label }): boolean => each.token === token;
    const on = this.#live().find(has) ?? this.#live().find(({ former }) => former.some(has));
    if (on === undefined || has(on)) return on ?? 100;
    return on.former.find(has)!.graceUntilMs > this.nowMs ? on : 110;
  }

  readonly #ofServer: Readonly<Record<string, (body: Body) => Reply>> = {
    SV_PING: () => [1],
    SH_NEW: (body) => this.#start(body, body.shared === true),
    SH_OPEN: (body) => {
      const tkn = `name ${body.name}`;
      const found = this.find(tkn);
      if (found === 100) return body.create === true ? this.#start(body, true) : [102];
      if (found === 110) return [110];
      found.lastUsed = this.nowMs / 1_000;
      return [1, { tkn, id: found.token, created: false }];
    },
    SH_END_ALL: ({ owner, except }) => {
      const spared = this.find(except);
      return [1, { cnt: this.#end(this.#live(owner).filter((on) => on !== spared)) }];
    },
    SH_EXISTS: ({ tkns }) => {
      return [1, { exist: tkns.filter((token: Label) => typeof this.find(token) === 'object') }];
    },
    SH_INFO_ALL: () => [1, { totalSessions: this.#live().length, totalKeys: keysIn(this.#live()) }],
    SH_LIST: ({ owner }) => [1, { sessions: this.#live(owner).map((on) => this.#listed(on)) }],
    SH_END_ID: ({ owner, id }) => {
      return [this.#end(this.#live(owner).filter(({ token }) => token === id)) > 0 ? 1 : 100];
    },
    SH_SAVE: ({ name, tkns }) => {
      const isNamed = (on: Session): boolean => tkns.some((each: Label) => this.find(each) === on);
      return this.#save(name, this.#live().filter(tkns === undefined ? Boolean : isNamed));
    },
    SH_LOAD: ({ name }) => {
      const set = this.#saved.get(name);
      if (!Array.isArray(set)) return [142, { name, ...(set && { sessions: 0, keys: 0 }) }];
      const absent = set.filter(({ token }) => this.find(token) === 100);
      const loaded = absent.map((on) => ({ ...on, watchers: [] }));
      this.#sessions.push(...loaded);
      const live = loaded.filter((on) => this.#isAlive(on));
      return [141, { name, sessions: live.length, keys: keysIn(live) }];
    },
    KV_SAVE: ({ name }) => this.#save(name, this.#defaultMap.keys),
    KV_LOAD: ({ name }) => {
      const keys = this.#saved.get(name);
      if (!(keys instanceof Map)) return [142, { name }];
      if (keys.size > 0) this.#data(this.#defaultMap, 'SET', { keys });
      return [141, { name, sessions: 0, keys: keys.size }];
    },
  };

  readonly #ofSession: Readonly<Record<string, (on: Session, body: Body, by: number) => Reply>> = {
    SH_END: (on) => [this.#end([on])],
    SH_INFO: (on) => {
      const { lastUsed: _, remaining, ...listed } = this.#listed(on);
      const flags = { deleteSession: false, extendOnSetAdd: false, extendOnGet: false };
      const expiry = { duration: 0, ...flags, ...on.expiry, remaining };
      const known = { shared: on.name !== undefined, owner: on.owner, version: on.version };
      const rest = { bytes: bytesOf(on.keys), expires: remaining !== undefined };
      return [1, { ...listed, ...known, ...rest, expiry: rest.expires ? expiry : undefined }];
    },
    SH_WATCH: (on, _body, connection) => {
      on.watchers = [...new Set([...on.watchers, connection])];
      return [1, { id: on.token }];
    },
    SH_UNWATCH: (on, _body, connection) => {
      on.watchers = on.watchers.filter((each) => each !== connection);
      return [1];
    },
    SH_TOUCH: (on) => this.#touch(on),
    SH_EXPIRE: (on, { expiry }) => this.#touch(Object.assign(on, { expiry: expiry ?? {} })),
    SH_ROTATE: (on, { grace = 0 }) => {
      const newId = `token ${(this.#minted += 1)}`;
      this.#tell(on, 'rotated', { newId });
      const latest = { token: on.token, graceUntilMs: this.nowMs + 1_000 * grace };
      const all = [latest, ...on.former.map(({ token }) => ({ token, graceUntilMs: 0 }))];
      Object.assign(on, { token: newId, former: all.slice(0, this.#config.maxSuperseded) });
      return [1, { tkn: newId, id: newId }];
    },
    SH_SET_OWNER: (on, { owner }) => {
      if (owner !== on.owner && !this.#hasPlace(owner)) return [206];
      on.owner = owner ?? undefined;
      return [1];
    },
  };

  #data(on: Session, command: string, body: Body): Reply {
    if (command === 'BATCH') return this.#batch(on, body.cmds);
    const { extendOnGet, extendOnSetAdd } = on.expiry;
    if (READING.includes(command) ? extendOnGet : extendOnSetAdd) this.#touch(on);
    const { st = 1, clears = false, ...outcome } = DATA[command]!(on, body, this.#config);
    const put = new Map(outcome.set);
    const gone = [...new Set(outcome.rmv)].filter((key) => on.keys.has(key));
    const kept = clears ? [] : [...on.keys].filter(([key]) => !gone.includes(key));
    const keys = new Map([...kept, ...put]);
    if (bytesOf(keys) > this.#config.maxSessionBytes) return [204];
    const isCleared = clears && on.keys.size > 0;
    if (isCleared) this.#tell(on, 'cleared');
    if (gone.length > 0) this.#tell(on, 'removed', { keys: gone });
    if (put.size > 0) this.#tell(on, 'set', { keys: put });
    const isChange = isCleared || gone.length + put.size > 0 || command.endsWith('SET');
    Object.assign(on, { keys, version: on.version + (isChange ? 1 : 0) });
    const hasVersion = body.version !== undefined && body.version !== false;
    return [st, { ...outcome.body, version: hasVersion ? on.version : undefined }];
  }

  /** @param commands name and body; with a status where the body is refused as it stands. */
  #batch(on: Session, commands: readonly [name: string, body: Body, refused?: number][]): Reply {
    const [before, { length }] = [{ ...on }, this.pushes];
    const rsps: Reply[] = [];
    for (const [name, body, refused] of commands) {
      rsps.push(refused === undefined ? this.#data(on, name.slice(3), body) : [refused]);
      const [status] = rsps.at(-1)!;
      if (status === 1) continue;
      Object.assign(on, before);
      this.pushes.length = length;
      return [status, { rsps }];
    }
    return [1, { rsps }];
  }

  #start({ name, create, owner, keys = new Map(), expiry = {} }: Body, isShared: boolean): Reply {
    const tkn = isShared ? `name ${name}` : `token ${(this.#minted += 1)}`;
    const found = this.find(tkn);
    if (found !== 100) return found === 110 ? [110] : [103, { tkn, name }];
    const { maxSessionBytes, maxSessions } = this.#config;
    if (bytesOf(keys) > maxSessionBytes) return [204];
    if (maxSessions > 0 && this.#live().length >= maxSessions) return [205];
    if (!this.#hasPlace(owner)) return [206];
    const times = { createdMs: this.nowMs, lastUsed: this.nowMs / 1_000 };
    const on = Object.assign(new Session(), times, { token: tkn, owner, keys, expiry });
    if (isShared) on.name = name;
    this.#sessions.push(on);
    this.#touch(on);
    return [1, { tkn, id: tkn, ...(create === true ? { created: true } : { name }) }];
  }

  /** Whether the owner may have one more, the oldest having gone for it if that is how it is. */
  #hasPlace(owner: string | null | undefined): boolean {
    const { maxSessionsPerOwner: max, ownerLimit } = this.#config;
    if (typeof owner !== 'string' || max === 0) return true;
    const mine = this.#live(owner).sort((a, b) => a.createdMs - b.createdMs);
    if (ownerLimit === 'end-oldest') this.#end(mine.splice(0, mine.length - max + 1));
    return mine.length < max;
  }

  #save(name: string, what: Session[] | ValueMap): Reply {
    if (this.#config.memory) return [14];
    this.#saved.set(name, structuredClone(what));
    return [121, { name }];
  }

  /** @param owner undefined: anybody's and nobody's. */
  #live(owner?: string): Session[] {
    return this.#sessions.filter((on) => this.#isAlive(on) && (!owner || on.owner === owner));
  }

  /** Makes happen what is due. */
  #isAlive(on: Session): boolean {
    while (on.deadlineMs <= this.nowMs) {
      const { maxAge = Infinity, deleteSession } = on.expiry;
      const isLast = deleteSession === true || on.deadlineMs >= on.createdMs + maxAge * 1_000;
      if (isLast) return this.#end([on], 'expired') === 0;
      if (on.keys.size > 0) {
        this.#tell(on, 'cleared', { expired: true });
        Object.assign(on, { keys: new Map(), version: on.version + 1 });
      }
      this.#touch(on, on.deadlineMs);
    }
    return true;
  }

  #end(sessions: readonly Session[], event = 'ended'): number {
    this.#sessions = this.#sessions.filter((on) => !sessions.includes(on));
    for (const on of sessions) this.#tell(on, event);
    return sessions.length;
  }

  #tell({ token: id, watchers }: Session, event: string, more?: Body): void {
    const pushes = watchers.map((connection) => ({ connection, event, body: { id, ...more } }));
    this.pushes.push(...pushes);
  }

  #touch(on: Session, fromMs = this.nowMs): Reply {
    const { duration = 0, maxAge = Infinity } = on.expiry;
    const idleMs = duration * 1_000 || Infinity;
    on.deadlineMs = Math.min(fromMs + idleMs, on.createdMs + maxAge * 1_000);
    return [1, { remaining: this.#listed(on).remaining }];
  }

  #listed({ token: id, createdMs, lastUsed, deadlineMs, keys }: Session): Body {
    const leftMs = Math.max(0, Math.ceil(deadlineMs - this.nowMs));
    const remaining = leftMs === Infinity ? undefined : leftMs / 1_000;
    return { id, created: createdMs / 1_000, lastUsed, keyCnt: keys.size, remaining };
  }
}
