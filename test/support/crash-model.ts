/**
 * What a client may know of one session, and how each command changes it. A client knows the
 * instant of an execution only as a span (sent to answered), and whether it happened only once it
 * is answered. So a session is a list of states that are all possible; replies and reads rule some
 * of them out, and a server that leaves none has done what it must not.
 *
 * States are never changed, only made anew. Times are milliseconds since the Unix epoch.
 */

import { crc32 } from 'node:zlib';
import { entryByOp } from '../../src/protocol/catalogue.js';

/** From `lo` to `hi`, both included; Infinity where there is no deadline. */
export interface Span {
  readonly lo: number;
  readonly hi: number;
}

export interface CrashExpiry {
  readonly duration: number;
  readonly deleteSession: boolean;
  readonly extendOnSetAdd: boolean;
  readonly extendOnGet: boolean;
  readonly maxAge?: number;
}

export interface CrashState {
  readonly isThere: boolean;
  /** In the order of insertion, as the server keeps them. */
  readonly keys: ReadonlyMap<string, unknown>;
  readonly version: number;
  readonly created: Span;
  readonly expiry: CrashExpiry | undefined;
  readonly deadline: Span;
}

export interface CrashCommand {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>> | null;
}

/** What the server answered, or `status: 0` for what is expected and not looked at. */
export interface CrashReply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> | null;
}

interface Outcome {
  readonly state: CrashState;
  readonly status: number;
  /** Members of the reply that must be as they are here. */
  readonly says: Readonly<Record<string, unknown>>;
}

/**
 * By how much the two sides' views of an instant may differ: a turn has one clock, read before it
 * takes what has come meanwhile, and a busy machine may stop it in between.
 */
const SLACK_MS = 250;
/** A creation that was told once must be told the same again. */
const CREATED_SLACK_MS = 0.01;
const NEVER: Span = { lo: Infinity, hi: Infinity };
const NO_SESSION = 100;
const NO_SHARED = 102;
const IS_TAKEN = 103;
const NO_KEY = 22;
const IS_OTHER_VERSION = 207;
const WRITES = [
  ...['SH_SET', 'SH_ADD', 'SH_RMV', 'SH_CLEAR', 'SH_CLEAR_SET'],
  ...['SH_INC', 'SH_TAKE', 'SH_CAS', 'SH_UPDATE'],
];
const READS = ['SH_GET_ALL', 'SH_COUNT'];

export const NOT_THERE: CrashState = {
  isThere: false,
  keys: new Map(),
  version: 0,
  created: NEVER,
  expiry: undefined,
  deadline: NEVER,
};

/** The default map of a new directory. */
export const DEFAULT_MAP_STATE: CrashState = { ...NOT_THERE, isThere: true };

/** The states in which a session of state `state` may be at an instant within `when`. */
export function statesAt(state: CrashState, when: Span): CrashState[] {
  const isSurelyDue = state.deadline.hi + SLACK_MS < when.lo;
  const states = isSurelyDue ? [] : [state];
  if (!state.isThere || state.deadline.lo - SLACK_MS > when.hi) return states;
  return [...states, ...afterDeadline(state).flatMap((next) => statesAt(next, when))];
}

/** Where it cannot be told whether the deadline was the one of the maxAge, both are possible. */
function afterDeadline(state: CrashState): CrashState[] {
  const { expiry, deadline, created } = state;
  if (expiry === undefined || expiry.deleteSession) return [NOT_THERE];
  const absolute = absoluteOf(created, expiry);
  const mayBeLast = deadline.hi + SLACK_MS >= absolute.lo;
  const isLast = deadline.lo === absolute.lo && deadline.hi === absolute.hi;
  // Without an idle time, the deadline can be no other.
  if (isLast || expiry.duration === 0) return [NOT_THERE];
  const idleMs = expiry.duration * 1_000;
  const next = { lo: deadline.lo + idleMs, hi: deadline.hi + idleMs };
  const cleared: CrashState = {
    ...state,
    keys: new Map(),
    version: state.version + (state.keys.size > 0 ? 1 : 0),
    deadline: earlier(next, absolute),
  };
  return mayBeLast ? [cleared, NOT_THERE] : [cleared];
}

function absoluteOf(created: Span, expiry: CrashExpiry | undefined): Span {
  if (expiry?.maxAge === undefined) return NEVER;
  return { lo: created.lo + expiry.maxAge * 1_000, hi: created.hi + expiry.maxAge * 1_000 };
}

function earlier(a: Span, b: Span): Span {
  return { lo: Math.min(a.lo, b.lo), hi: Math.min(a.hi, b.hi) };
}

function restarted(state: CrashState, when: Span): CrashState {
  const { duration } = state.expiry ?? { duration: 0 };
  const idle =
    duration > 0 ? { lo: when.lo + duration * 1_000, hi: when.hi + duration * 1_000 } : NEVER;
  return { ...state, deadline: earlier(idle, absoluteOf(state.created, state.expiry)) };
}

/** All that may have come of a command which ran at an instant within `when`. */
export function outcomesOf(
  states: readonly CrashState[],
  command: CrashCommand,
  when: Span,
): Outcome[] {
  return states.flatMap((state) =>
    statesAt(state, when).map((current) => execute(current, command, when)),
  );
}

/** The states left of `outcomes` once the reply is known. */
export function statesAfter(outcomes: readonly Outcome[], reply: CrashReply): CrashState[] {
  const agreeing = outcomes.filter(
    ({ status, says }) =>
      status === reply.status &&
      Object.entries(says).every(
        ([name, value]) => JSON.stringify(reply.body?.[name]) === JSON.stringify(value),
      ),
  );
  return distinct(agreeing.map(({ state }) => state));
}

function execute(state: CrashState, command: CrashCommand, when: Span): Outcome {
  const { name, body } = command;
  if (name === 'SH_NEW' || name === 'SH_OPEN') return start(state, command, when);
  if (!state.isThere) return { state, status: NO_SESSION, says: {} };
  if (name === 'SH_END') return { state: NOT_THERE, status: 1, says: {} };
  if (name === 'SH_TOUCH') return { state: restarted(state, when), status: 1, says: {} };
  if (name === 'SH_INFO') return { state, status: 1, says: {} };
  if (name === 'SH_EXPIRE') {
    const expiry = (body?.['expiry'] as CrashExpiry | null) ?? undefined;
    return { state: restarted({ ...state, expiry }, when), status: 1, says: {} };
  }
  if (name === 'SH_BATCH') return batch(state, command, when);
  const extendsNow =
    (WRITES.includes(name) && state.expiry?.extendOnSetAdd === true) ||
    (READS.includes(name) && state.expiry?.extendOnGet === true);
  return onKeys(extendsNow ? restarted(state, when) : state, command);
}

/** All of its commands, or none, and then the status of the one that failed. */
function batch(state: CrashState, { body }: CrashCommand, when: Span): Outcome {
  let current = state;
  for (const [op, each] of body?.['cmds'] as readonly [number, CrashCommand['body']][]) {
    const name = entryByOp[op]!.command;
    const outcome = execute(current, { name, body: each }, when);
    if (outcome.status !== 1) return { state, status: outcome.status, says: {} };
    current = outcome.state;
  }
  return { state: current, status: 1, says: {} };
}

function start(state: CrashState, { name, body }: CrashCommand, when: Span): Outcome {
  if (state.isThere) {
    if (name === 'SH_OPEN') return { state, status: 1, says: { created: false } };
    return { state, status: IS_TAKEN, says: {} };
  }
  if (name === 'SH_OPEN' && body?.['create'] !== true) {
    return { state, status: NO_SHARED, says: {} };
  }
  const started: CrashState = {
    isThere: true,
    keys: new Map(Object.entries(body?.['keys'] ?? {})),
    version: 0,
    created: when,
    expiry: body?.['expiry'] as CrashExpiry | undefined,
    deadline: NEVER,
  };
  const says = name === 'SH_OPEN' ? { created: true } : {};
  return { state: restarted(started, when), status: 1, says };
}

function onKeys(state: CrashState, { name, body }: CrashCommand): Outcome {
  const named = (body?.['keys'] ?? {}) as Readonly<Record<string, unknown>>;
  const outcome = (
    keys: ReadonlyMap<string, unknown>,
    isWrite: boolean,
    says: Outcome['says'] = {},
  ): Outcome => ({
    state: { ...state, keys, version: state.version + (isWrite ? 1 : 0) },
    status: 1,
    says,
  });
  const { keys } = state;
  switch (name) {
    case 'SH_SET':
      return outcome(new Map([...keys, ...Object.entries(named)]), true);
    case 'SH_ADD': {
      const absent = Object.entries(named).filter(([key]) => !keys.has(key));
      return outcome(new Map([...keys, ...absent]), absent.length > 0);
    }
    case 'SH_RMV': {
      const left = new Map(keys);
      const cnt = Object.values(named).filter((key) => left.delete(key as string)).length;
      return outcome(left, cnt > 0, { cnt });
    }
    case 'SH_CLEAR':
      return outcome(new Map(), keys.size > 0, { cnt: keys.size });
    case 'SH_CLEAR_SET':
      return outcome(new Map(Object.entries(named)), true, { cnt: keys.size });
    case 'SH_INC': {
      const key = String(body?.['key']);
      const value = Number(keys.get(key) ?? 0) + Number(body?.['by']);
      return outcome(new Map([...keys, [key, value]]), true, { value });
    }
    case 'SH_TAKE': {
      const taken = Object.values(named).filter((key) => keys.has(key as string)) as string[];
      const left = new Map([...keys].filter(([key]) => !taken.includes(key)));
      const says = { keys: Object.fromEntries(taken.map((key) => [key, keys.get(key)])) };
      return outcome(left, taken.length > 0, says);
    }
    case 'SH_CAS': {
      const { version } = state;
      if (body?.['version'] !== version) {
        return { state, status: IS_OTHER_VERSION, says: { version } };
      }
      const left = new Map(keys);
      const gone = (body['rmv'] as string[]).filter((key) => left.delete(key));
      const set = Object.entries(body['set'] as object);
      const isWrite = gone.length + set.length > 0;
      const says = { version: version + (isWrite ? 1 : 0) };
      return outcome(new Map([...left, ...set]), isWrite, says);
    }
    case 'SH_UPDATE': {
      const key = String(body?.['key']);
      if (!keys.has(key)) return { state, status: NO_KEY, says: {} };
      return outcome(new Map([...keys, [key, body?.['value']]]), true, { cnt: 1 });
    }
    case 'SH_COUNT':
      return outcome(keys, false, { cnt: keys.size });
    case 'SH_GET_ALL':
      return outcome(keys, false, { keys: Object.fromEntries(keys) });
    default:
      throw new Error(`the model has no ${name}`);
  }
}

/** Those of the states that SH_INFO, answered within `when`, leaves, their times narrowed by it. */
export function statesByInfo(
  states: readonly CrashState[],
  reply: CrashReply,
  when: Span,
): CrashState[] {
  const current = states.flatMap((state) => statesAt(state, when));
  const isThere = reply.status === 1;
  const there = current.filter((state) => state.isThere === isThere);
  if (!isThere) return distinct(there);
  const info = reply.body as unknown as Info;
  return distinct(there.flatMap((state) => narrowed(state, info, when) ?? []));
}

interface Info {
  readonly version: number;
  readonly keyCnt: number;
  readonly created: number;
  readonly expires: boolean;
  readonly expiry?: CrashExpiry & { readonly remaining?: number };
}

function narrowed(state: CrashState, info: Info, when: Span): CrashState | undefined {
  if (state.version !== info.version || state.keys.size !== info.keyCnt) return undefined;
  const createdMs = info.created * 1_000;
  const isKnown = state.created.lo === state.created.hi;
  const slackMs = isKnown ? CREATED_SLACK_MS : SLACK_MS;
  const created = common(state.created, { lo: createdMs, hi: createdMs }, slackMs);
  const { remaining, ...expiry } = info.expiry ?? {};
  if (created === undefined || !isSameExpiry(state.expiry, expiry)) return undefined;
  if (remaining === undefined) {
    return state.deadline.lo === Infinity ? { ...state, created } : undefined;
  }
  const left = remaining * 1_000;
  const deadline = common(state.deadline, { lo: when.lo + left, hi: when.hi + left });
  return deadline === undefined ? undefined : { ...state, created, deadline };
}

function isSameExpiry(known: CrashExpiry | undefined, told: Partial<CrashExpiry>): boolean {
  if (known === undefined) return told.duration === undefined && told.maxAge === undefined;
  return (
    known.duration === (told.duration ?? 0) &&
    known.deleteSession === told.deleteSession &&
    known.extendOnSetAdd === told.extendOnSetAdd &&
    known.extendOnGet === told.extendOnGet &&
    known.maxAge === told.maxAge
  );
}

/** What both spans allow; undefined where they are further apart than the slack. */
function common(known: Span, told: Span, slackMs = SLACK_MS): Span | undefined {
  if (known.lo === Infinity) return told;
  if (told.lo > known.hi + slackMs || told.hi < known.lo - slackMs) return undefined;
  const lo = Math.max(known.lo, told.lo);
  const hi = Math.min(known.hi, told.hi);
  return lo <= hi ? { lo, hi } : told;
}

/** Without states that differ in nothing: reads would otherwise double them forever. */
export function distinct(states: readonly CrashState[]): CrashState[] {
  const seen = new Map<string, CrashState>();
  for (const state of states) {
    const { isThere, version, deadline, created, keys, expiry } = state;
    const spans = [deadline.lo, deadline.hi, created.lo, created.hi];
    const name = [isThere, version, contentOf(keys), JSON.stringify(expiry), ...spans].join();
    if (!seen.has(name)) seen.set(name, state);
  }
  return [...seen.values()];
}

const contents = new WeakMap<object, string>();

/** Tells maps apart by what they hold. A value's beginning and length say which write it is of. */
function contentOf(keys: ReadonlyMap<string, unknown>): string {
  const known = contents.get(keys);
  if (known !== undefined) return known;
  const values = [...keys].map(([key, value]) => {
    const text = String(value);
    return `${key}=${text.slice(0, 12)}~${text.length}`;
  });
  const content = `${keys.size} ${crc32(values.join('\n'))}`;
  contents.set(keys, content);
  return content;
}
