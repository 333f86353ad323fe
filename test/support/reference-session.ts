/** A session of the reference model, and what is told of it. */
import { bytesOf } from './model-values.js';
import type { Body, Data } from './reference-data.js';

export type Label = string;

export interface Expiry {
  readonly duration?: number;
  readonly deleteSession?: boolean;
  readonly extendOnSetAdd?: boolean;
  readonly extendOnGet?: boolean;
  readonly maxAge?: number;
}

export interface Session extends Data {
  token: Label;
  readonly name: string | undefined;
  readonly createdMs: number;
  expiry: Expiry | undefined;
  deadlineMs: number;
  owner: string | undefined;
  usedMs: number;
  /** Newest first. */
  superseded: { readonly token: Label; readonly graceUntilMs: number }[];
  /** Connections. */
  readonly watchers: Set<number>;
}

export function idleMsOf({ expiry }: Session): number {
  return (expiry?.duration ?? 0) * 1_000 || Infinity;
}

/** When it ends whatever happens. */
export function endsMsOf({ expiry, createdMs }: Session): number {
  return createdMs + (expiry?.maxAge ?? Infinity) * 1_000;
}

export function remainingOf({ deadlineMs }: Session, nowMs: number): Body {
  if (deadlineMs === Infinity) return {};
  return { remaining: Math.max(0, Math.ceil(deadlineMs - nowMs)) / 1_000 };
}

export function listed(session: Session, nowMs: number): Body {
  const { token: id, createdMs, usedMs, keys } = session;
  const known = { id, created: createdMs / 1_000, lastUsed: usedMs / 1_000, keyCnt: keys.size };
  return { ...known, ...remainingOf(session, nowMs) };
}

export function infoOf(session: Session, nowMs: number): Body {
  const { token: id, name, keys, version, owner, expiry } = session;
  const { duration = 0, deleteSession = false, maxAge } = expiry ?? {};
  const { extendOnSetAdd = false, extendOnGet = false } = expiry ?? {};
  const settings = { duration, deleteSession, extendOnSetAdd, extendOnGet };
  const state = { ...settings, ...given('maxAge', maxAge), ...remainingOf(session, nowMs) };
  const bytes = [...keys].flat().reduce((sum: number, part) => sum + bytesOf(part), 0);
  return {
    ...{ id, shared: name !== undefined, keyCnt: keys.size, bytes, version },
    ...{ created: session.createdMs / 1_000, ...given('owner', owner) },
    ...{ expires: expiry !== undefined, ...given('expiry', expiry && state) },
  };
}

export function given(name: string, value: unknown): Body {
  return value === undefined ? {} : { [name]: value };
}
