/**
 * A state and plain Maps beside it: sessions with owners, tokens that are rotated, batches that are
 * undone. What each random step does is done to both; the Maps say what must be found.
 */
import { ByteSpace } from '../../src/core/copy.js';
import { type MemoryHandles, NIL } from '../../src/memory/shared-memory.js';
import { NO_OBSERVER } from '../../src/shard/shard-counters.js';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { endAllBut } from '../../src/state/end-all-but.js';
import { ShardState } from '../../src/state/shard-state.js';
import { bytes } from './msgpack-bytes.js';
import type { Random } from './random.js';
import { takeEntries } from './replay.js';

export const SUPERSEDED_MAX = 3;
const OWNERS = 12;
const SLOT = 5;

export interface TiedSession {
  readonly number: number;
  digest: Int32Array;
  readonly createdMs: number;
  readonly deadlineMs: number;
  owner: string | undefined;
  /** The newest first. */
  superseded: { readonly digest: Int32Array; graceUntilMs: number }[];
  keys: Map<string, string>;
  version: number;
}

export class TiedWorld {
  readonly effects = new EffectBuffer();
  sessions = new Map<number, TiedSession>();
  /** Digests that reach nothing any more, whatever the state remembers of them. */
  readonly forgotten: Int32Array[] = [];
  readonly state: ShardState;
  log: Uint8Array = new Uint8Array();
  nowMs: number;
  /** Off where another structure has pages of the same memory. */
  mayEndAll = true;
  readonly #random: Random;
  #next = 1;

  constructor(random: Random, nowMs: number) {
    this.#random = random;
    this.nowMs = nowMs;
    this.state = newTiedState(nowMs);
    this.state.effects = this.effects;
  }

  takeLog(): void {
    this.log = bytes(this.log, takeEntries(this.effects));
  }

  rowOf(session: TiedSession): number {
    return this.state.find(session.digest, 0, SLOT);
  }

  find(digest: Int32Array): number {
    return this.state.find(digest, 0, SLOT);
  }

  aSession(): TiedSession | undefined {
    const all = [...this.sessions.values()];
    return all[this.#random.below(all.length)];
  }

  ofOwner(owner: string): TiedSession[] {
    return [...this.sessions.values()].filter((session) => session.owner === owner);
  }

  step(): void {
    const kind = this.#random.below(100);
    const session = this.aSession();
    if (kind < 20 || session === undefined) this.start();
    else if (kind < 36) this.rotate(session);
    else if (kind < 48) this.setOwner(session, anOwner(this.#random));
    else if (kind < 56) this.end(session);
    else if (kind < 68) this.write(session, 1);
    else if (kind < 82) this.batch(session, this.#random.below(2) === 0);
    else if (kind < 92) this.pass(this.#random.below(400));
    else if (kind < 99 || !this.mayEndAll || this.#random.below(6) > 0) this.tidy();
    else this.endAll(this.#random.below(3) > 0 ? session : undefined);
  }

  start(owner = anOwner(this.#random)): TiedSession {
    const { state } = this;
    const digest = this.#newDigest();
    const createdMs = this.nowMs;
    const row = state.create(digest, 0, SLOT, false);
    const isShort = this.#random.below(3) === 0;
    const deadlineMs = isShort ? this.nowMs + 1 + this.#random.below(9_000) : Infinity;
    if (owner !== undefined) state.setOwner(row, ...named(owner));
    if (isShort) {
      const idleMs = deadlineMs - this.nowMs;
      const flags = { deletesSession: true, extendsOnWrite: false, extendsOnRead: false };
      // Some have an extras cell of their own accord.
      const maxAgeMs = this.#random.below(2) === 0 ? Infinity : 20_000;
      state.setExpiry(row, { idleMs, maxAgeMs, ...flags });
    }
    state.started(row);
    const number = this.#next++;
    const life = { number, digest, createdMs, deadlineMs, version: 0 };
    const session: TiedSession = { ...life, owner, superseded: [], keys: new Map() };
    this.sessions.set(number, session);
    return session;
  }

  rotate(session: TiedSession): void {
    const digest = this.#newDigest();
    const graceUntilMs = this.nowMs + this.#random.below(3) * 150;
    this.state.rotate(this.rowOf(session), digest, 0, graceUntilMs);
    for (const old of session.superseded) old.graceUntilMs = 0;
    session.superseded.unshift({ digest: session.digest, graceUntilMs });
    const lost = session.superseded.splice(SUPERSEDED_MAX);
    this.forgotten.push(...lost.map((old) => old.digest));
    session.digest = digest;
  }

  setOwner(session: TiedSession, owner: string | undefined): void {
    this.state.setOwner(this.rowOf(session), ...named(owner ?? ''));
    session.owner = owner;
  }

  end(session: TiedSession): void {
    this.state.end(this.rowOf(session));
    this.#forget(session);
  }

  endAll(but: TiedSession | undefined): void {
    if (but === undefined) this.state.endAll();
    else endAllBut(this.state, this.rowOf(but));
    for (const session of [...this.sessions.values()]) if (session !== but) this.#forget(session);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.state.beginTurn(this.nowMs);
    if (this.#random.below(2) === 0) this.state.advance(this.#random.below(20));
    for (const session of [...this.sessions.values()]) {
      if (session.deadlineMs <= this.nowMs) this.#forget(session);
    }
  }

  tidy(): void {
    this.state.tidy(1 + this.#random.below(200));
  }

  /** So many writing commands, each of one or more operations. */
  write(session: TiedSession, commands: number): void {
    const { state } = this;
    const row = this.rowOf(session);
    for (let command = 0; command < commands; command += 1) {
      state.touchForWrite(row);
      this.#operate(session, row);
      state.wrote(row);
      session.version += 1;
    }
  }

  /** A batch that is kept or undone; sessions that end meanwhile stay ended. */
  batch(session: TiedSession, isUndone: boolean): void {
    const { state } = this;
    const before = { keys: new Map(session.keys), version: session.version };
    state.undo.mark(this.rowOf(session));
    this.write(session, this.#random.below(6));
    const other = this.aSession();
    if (other !== undefined && other !== session && this.#random.below(4) === 0) this.end(other);
    this.write(session, this.#random.below(3));
    if (isUndone) {
      state.undo.back();
      Object.assign(session, before);
    } else {
      state.undo.keep();
    }
  }

  #operate(session: TiedSession, row: number): void {
    const { state } = this;
    const random = this.#random;
    const kind = random.below(12);
    if (kind === 0) {
      state.clear(row);
      session.keys.clear();
      return;
    }
    const isMany = kind === 1;
    for (let left = isMany ? 40 : 1 + random.below(3); left > 0; left -= 1) {
      const key = `k${random.below(60)}`;
      const space = new ByteSpace(bytes(key).buffer as ArrayBuffer);
      if (kind < 8) {
        const value = 'v'.repeat(random.below(60) === 0 ? random.below(70_000) : random.below(50));
        this.#set(row, key, value);
        session.keys.set(key, value);
      } else if (state.keys.find(row, space, 0, key.length)) {
        state.removeFound(row);
        session.keys.delete(key);
      }
    }
  }

  #set(row: number, key: string, value: string): void {
    const pair = bytes(key, 0xdb, 0, value.length >>> 16, (value.length >>> 8) & 255);
    const whole = bytes(pair, value.length & 255, value);
    const space = new ByteSpace(whole.buffer as ArrayBuffer);
    this.state.set(row, space, 0, key.length, key.length, whole.length - key.length);
  }

  #forget(session: TiedSession): void {
    this.sessions.delete(session.number);
    this.forgotten.push(session.digest, ...session.superseded.map((old) => old.digest));
  }

  /** Some share their first word, which is the hash. */
  #newDigest(): Int32Array {
    const random = this.#random;
    return Int32Array.of(random.below(500), random.below(2 ** 31), random.below(2 ** 31), 7);
  }
}

export function newTiedState(nowMs: number, attachTo?: MemoryHandles): ShardState {
  const options = { seed: [3, 4] as const, observer: NO_OBSERVER, supersededMax: SUPERSEDED_MAX };
  return new ShardState({ nowMs, ...options }, attachTo);
}

function anOwner(random: Random): string | undefined {
  const owner = random.below(OWNERS);
  return owner === 0 ? undefined : `owner ${owner}`.padEnd(owner % 3 === 0 ? 256 : 0, 'x');
}

export function named(owner: string): [ByteSpace, number, number] {
  const name = bytes('..', owner);
  return [new ByteSpace(name.buffer as ArrayBuffer), 2, name.length - 2];
}

/** The keys of a session, in order, each with its value's length. */
export function keysIn(state: ShardState, row: number): string[] {
  const { keys } = state;
  const space = new ByteSpace(new ArrayBuffer(keys.bytesOf(row)));
  const found: string[] = [];
  keys.walk(row);
  while (keys.next()) {
    keys.copyPair(space, 0, keys.foundPointer, keys.foundAt, keys.foundBytes);
    const keyBytes = keys.foundKeyBytes();
    const key = Buffer.from(space.bytes.subarray(1, keyBytes)).toString();
    found.push(`${key} ${keys.foundBytes - keyBytes - 5}`);
  }
  return found;
}

/** The rows of an owner's sessions in their order. */
export function rowsOfOwner(state: ShardState, owner: string): number[] {
  const cell = state.owners.find(...named(owner));
  const rows: number[] = [];
  if (cell === NIL || state.removeDueOf(cell) === 0) return rows;
  for (let row = state.owners.firstOf(cell); row !== NIL; row = state.owners.nextOf(row)) {
    rows.push(row);
  }
  return rows;
}
