/**
 * The whole server as plain Maps: every command of sessions and their data, in the words of the
 * protocol and with none of the server's code. Integers are bigints here and floats numbers; tokens
 * and public ids are one and the same label, which the test maps to what the server gave.
 */
import { copyOf, type ModelMap } from './model-values.js';
import {
  changesOf,
  DATA_COMMANDS,
  remove,
  store,
  wrote,
  type Body,
  type Reply,
} from './reference-data.js';

import {
  endsMsOf,
  given,
  idleMsOf,
  infoOf,
  listed,
  remainingOf,
  type Expiry,
  type Label,
  type Session,
} from './reference-session.js';

/** What a connection that watches a session is told. */
export interface Push {
  readonly connection: number;
  readonly event: string;
  readonly body: Body;
}

/** One command of a batch; with a status where its body is refused as it stands. */
type BatchCommand = readonly [name: string, body: Body, refused?: number];

/** As the server is set that it is compared with. */
export interface ModelLimits {
  /** Sessions of one owner; 0: no limit. */
  readonly ofOwner: number;
  /** What happens beyond. */
  readonly endsOldest: boolean;
  /** Replaced tokens remembered of a session. */
  readonly superseded: number;
}

const READING = ['GET', 'GET_ALL', 'CONTAINS', 'KEYS', 'COUNT', 'FIND'];
const OK: Reply = [1, null];

export class ReferenceModel {
  nowMs: number;
  /** All that were sent so far, each session's in order. */
  readonly pushes: Push[] = [];
  readonly #sessions = new Set<Session>();
  readonly #defaultMap: Session;
  readonly #limits: ModelLimits;
  #minted = 0;

  constructor(nowMs: number, limits: ModelLimits, defaultVersion: number) {
    this.nowMs = nowMs;
    this.#limits = limits;
    this.#defaultMap = { ...this.#blank('', undefined), version: defaultVersion };
  }

  /** @param token undefined: none; of KV_ commands: the default map. */
  execute(name: string, token: Label | undefined, body: Body, connection: number): Reply {
    const ofAll = this.#ofAll(name, body);
    if (ofAll !== undefined) return ofAll;
    const isDefault = name.startsWith('KV_') && token === undefined;
    const session = isDefault ? this.#defaultMap : this.#find(token);
    if (typeof session === 'number') return [session, null];
    session.usedMs = this.nowMs;
    if (name === 'SH_WATCH') session.watchers.add(connection);
    if (name === 'SH_UNWATCH') session.watchers.delete(connection);
    return this.#life(session, name, body) ?? this.#data(session, name.slice(3), body);
  }

  /** @param token undefined: the default map. */
  versionOf(token: Label | undefined): number {
    const session = token === undefined ? this.#defaultMap : this.#find(token);
    return typeof session === 'number' ? 0 : session.version;
  }

  /** Commands that need no session. */
  #ofAll(name: string, body: Body): Reply | undefined {
    const owner = body['owner'] as string;
    switch (name) {
      case 'SH_NEW':
      case 'SH_OPEN':
        return this.#new(name === 'SH_OPEN', body);
      case 'SH_END_ALL': {
        const going = owner === undefined ? this.#live() : this.#ownedBy(owner);
        const spared = this.#find(body['except'] as Label);
        return [1, { cnt: this.#end(going.filter((session) => session !== spared)) }];
      }
      case 'SH_EXISTS': {
        const isThere = (token: Label): boolean => typeof this.#find(token) === 'object';
        return [1, { exist: (body['tkns'] as Label[]).filter(isThere) }];
      }
      case 'SH_INFO_ALL': {
        const live = this.#live();
        const totalKeys = live.reduce((count, { keys }) => count + keys.size, 0);
        return [1, { totalSessions: live.length, totalKeys }];
      }
      case 'SH_LIST':
        return [
          1,
          { sessions: this.#ownedBy(owner).map((session) => listed(session, this.nowMs)) },
        ];
      case 'SH_END_ID': {
        const named = this.#ownedBy(owner).filter(({ token }) => token === body['id']);
        return this.#end(named) === 0 ? [100, null] : OK;
      }
      default:
        return undefined;
    }
  }

  #new(isOpening: boolean, body: Body): Reply {
    const { name, shared, create, keys, owner, expiry } = body as Record<
      string,
      string | undefined
    > & {
      shared?: boolean;
      create?: boolean;
      keys?: ModelMap;
      expiry?: Expiry;
    };
    const isShared = isOpening || shared === true;
    const tkn = isShared ? `name ${name}` : `token ${(this.#minted += 1)}`;
    const found = this.#find(tkn);
    if (found === 110) return [110, null];
    if (typeof found === 'object') {
      if (!isOpening) return [103, { tkn, name }];
      found.usedMs = this.nowMs;
      return [1, { tkn, id: found.token, created: false }];
    }
    if (isOpening && create !== true) return [102, null];
    if (!this.#hasPlace(owner)) return [206, null];
    const session = { ...this.#blank(tkn, isShared ? name : undefined), owner };
    store(session, keys);
    this.#sessions.add(session);
    this.#setExpiry(session, expiry);
    if (isOpening) return [1, { tkn, id: tkn, created: true }];
    return [1, { tkn, id: tkn, ...given('name', name) }];
  }

  #blank(token: Label, name: string | undefined): Session {
    const { nowMs } = this;
    const never = { expiry: undefined, deadlineMs: Infinity, owner: undefined, superseded: [] };
    const fresh = { keys: new Map(), version: 0, watchers: new Set<number>(), ...never };
    return { token, name, createdMs: nowMs, usedMs: nowMs, ...fresh };
  }

  /** The session that a token reaches; 110 for one rotated away, 100 for any other. */
  #find(token: Label | undefined): Session | 100 | 110 {
    for (const session of this.#live()) {
      if (session.token === token) return session;
      const old = session.superseded.find((each) => each.token === token);
      if (old !== undefined) return old.graceUntilMs > this.nowMs ? session : 110;
    }
    return 100;
  }

  #live(): Session[] {
    return [...this.#sessions].filter((session) => this.#isAlive(session));
  }

  #ownedBy(owner: string): Session[] {
    return this.#live().filter((session) => session.owner === owner);
  }

  #end(sessions: readonly Session[], event = 'ended'): number {
    for (const session of sessions) {
      this.#sessions.delete(session);
      this.#tell(session, event);
    }
    return sessions.length;
  }

  #tell({ token, watchers }: Session, event: string, more: Body = {}): void {
    for (const connection of watchers) {
      this.pushes.push({ connection, event, body: { id: token, ...more } });
    }
  }

  /** Makes happen what is due. */
  #isAlive(session: Session): boolean {
    while (session.deadlineMs <= this.nowMs) {
      const endsMs = endsMsOf(session);
      if (session.expiry?.deleteSession === true || session.deadlineMs >= endsMs) {
        this.#end([session], 'expired');
        return false;
      }
      if (session.keys.size > 0) this.#tell(session, 'cleared', { expired: true });
      wrote(session, remove(session, [...session.keys.keys()]) > 0);
      session.deadlineMs = Math.min(session.deadlineMs + idleMsOf(session), endsMs);
    }
    return true;
  }

  #touch(session: Session): void {
    session.deadlineMs = Math.min(this.nowMs + idleMsOf(session), endsMsOf(session));
  }

  #setExpiry(session: Session, expiry: Expiry | undefined): void {
    const isNone = (expiry?.duration ?? 0) === 0 && expiry?.maxAge === undefined;
    session.expiry = isNone ? undefined : expiry;
    this.#touch(session);
  }

  /** Whether the owner may have one more, the oldest having gone for it if that is how it is. */
  #hasPlace(owner: string | undefined): boolean {
    const { ofOwner: max, endsOldest } = this.#limits;
    if (owner === undefined || max === 0) return true;
    const mine = this.#ownedBy(owner).sort((a, b) => a.createdMs - b.createdMs);
    if (endsOldest) this.#end(mine.slice(0, Math.max(0, mine.length - max + 1)));
    return endsOldest || mine.length < max;
  }

  #life(session: Session, name: string, body: Body): Reply | undefined {
    switch (name) {
      case 'SH_END':
        this.#end([session]);
        return OK;
      case 'SH_INFO':
        return [1, infoOf(session, this.nowMs)];
      case 'SH_WATCH':
        return [1, { id: session.token }];
      case 'SH_UNWATCH':
        return OK;
      case 'SH_TOUCH':
        this.#touch(session);
        return [1, remainingOf(session, this.nowMs)];
      case 'SH_EXPIRE':
        this.#setExpiry(session, (body['expiry'] as Expiry | null) ?? undefined);
        return [1, remainingOf(session, this.nowMs)];
      case 'SH_ROTATE': {
        const graceUntilMs = this.nowMs + 1_000 * Number(body['grace'] ?? 0);
        const older = session.superseded.map(({ token }) => ({ token, graceUntilMs: 0 }));
        const all = [{ token: session.token, graceUntilMs }, ...older];
        session.superseded = all.slice(0, this.#limits.superseded);
        this.#tell(session, 'rotated', { newId: `token ${(this.#minted += 1)}` });
        session.token = `token ${this.#minted}`;
        return [1, { tkn: session.token, id: session.token }];
      }
      case 'SH_SET_OWNER': {
        const owner = (body['owner'] as string | null) ?? undefined;
        if (owner !== session.owner && !this.#hasPlace(owner)) return [206, null];
        session.owner = owner;
        return OK;
      }
      default:
        return undefined;
    }
  }

  #data(session: Session, command: string, body: Body): Reply {
    if (command === 'BATCH') return this.#batch(session, body['cmds'] as BatchCommand[]);
    const { extendOnGet, extendOnSetAdd } = session.expiry ?? {};
    const extends_ = READING.includes(command) ? extendOnGet : extendOnSetAdd;
    if (extends_ === true) this.#touch(session);
    const { version } = session;
    const before = copyOf(session.keys);
    const reply = DATA_COMMANDS[command]!(session, body);
    if (session.version === version) return reply;
    for (const [event, keys] of changesOf(command, body, before, session.keys)) {
      this.#tell(session, event, keys === undefined ? {} : { keys });
    }
    return reply;
  }

  #batch(session: Session, commands: readonly BatchCommand[]): Reply {
    const before = { ...session, keys: copyOf(session.keys) };
    const rsps: Reply[] = [];
    const pushes = this.pushes.length;
    for (const [name, body, refused] of commands) {
      const isRefused = refused !== undefined;
      const reply = isRefused
        ? ([refused, null] as const)
        : this.#data(session, name.slice(3), body);
      rsps.push(reply);
      if (reply[0] === 1) continue;
      Object.assign(session, before);
      this.pushes.length = pushes;
      return [reply[0], { rsps }];
    }
    return [1, { rsps }];
  }
}
