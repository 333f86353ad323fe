/** What unit tests of owners, former tokens, watchers and batches share: a state and short calls. */
import { ByteSpace } from '../../src/core/copy.js';
import { NIL } from '../../src/memory/shared-memory.js';
import { NO_OBSERVER } from '../../src/shard/shard-counters.js';
import type { ExpiryPolicy } from '../../src/state/deadlines.js';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { ShardState } from '../../src/state/shard-state.js';
import { bytes } from './msgpack-bytes.js';
import { keysIn, named, rowsOfOwner } from './tied-world.js';

export const NOW_MS = 1_800_000_000_000;
const SLOT = 9;

export const digestOf = (number: number): Int32Array => Int32Array.of(number, 1, 2, 3);

export class Tied {
  readonly state: ShardState;
  readonly effects: EffectBuffer | undefined;

  /** @param isLogged whether changes leave entries. */
  constructor(isLogged = true, isDefaultMap = false) {
    const options = { nowMs: NOW_MS, seed: [1, 2] as const, observer: NO_OBSERVER };
    this.state = new ShardState({ ...options, supersededMax: 3, isDefaultMap });
    this.effects = isLogged ? new EffectBuffer() : undefined;
    this.state.effects = this.effects;
  }

  start(number: number, owner = '', policy?: Partial<ExpiryPolicy>): number {
    const row = this.state.create(digestOf(number), 0, SLOT, false);
    if (owner !== '') this.state.setOwner(row, ...named(owner));
    const flags = { deletesSession: true, extendsOnWrite: false, extendsOnRead: false };
    const none = { idleMs: 0, maxAgeMs: Infinity, ...flags };
    if (policy !== undefined) this.state.setExpiry(row, { ...none, ...policy });
    this.state.started(row);
    return row;
  }

  find(number: number): number {
    return this.state.find(digestOf(number), 0, SLOT);
  }

  own(number: number, owner: string): void {
    this.state.setOwner(this.find(number), ...named(owner));
  }

  /** From the token of one number to that of another. */
  rotate(from: number, to: number, graceMs = 0): void {
    this.state.rotate(this.find(from), digestOf(to), 0, this.state.nowMs + graceMs);
  }

  at(ms: number): void {
    this.state.beginTurn(NOW_MS + ms);
  }

  /** One writing command that stores keys with values of so many bytes. */
  set(row: number, keys: Readonly<Record<string, number>>): void {
    this.state.touchForWrite(row);
    for (const [key, valueBytes] of Object.entries(keys)) this.put(row, key, valueBytes);
    this.state.wrote(row);
  }

  /** A part of a command. */
  put(row: number, key: string, valueBytes: number): void {
    const length = [valueBytes >>> 16, (valueBytes >>> 8) & 255, valueBytes & 255];
    const pair = bytes(key, 0xdb, 0, ...length, 'v'.repeat(valueBytes));
    const space = new ByteSpace(pair.buffer as ArrayBuffer);
    this.state.set(row, space, 0, key.length, key.length, pair.length - key.length);
  }

  remove(row: number, ...keys: string[]): void {
    this.state.touchForWrite(row);
    for (const key of keys) {
      const space = new ByteSpace(bytes(key).buffer as ArrayBuffer);
      if (this.state.keys.find(row, space, 0, key.length)) this.state.removeFound(row);
    }
    this.state.wrote(row);
  }

  clear(row: number): void {
    this.state.touchForWrite(row);
    this.state.clear(row);
    this.state.wrote(row);
  }

  /** The keys in order, each with its value's length. */
  keysOf(row: number): string[] {
    return keysIn(this.state, row);
  }

  /** The numbers of an owner's sessions, in order; those that are due go first. */
  ofOwner(owner: string): number[] {
    return rowsOfOwner(this.state, owner).map((row) => this.state.rows.word(row, 0));
  }

  /** Cells that only sessions with owners, former tokens, watchers or a maxAge have. */
  get cells(): { extras: number; owners: number; superseded: number } {
    const { rows, owners, superseded } = this.state;
    const { live } = rows.extras;
    return { extras: live, owners: owners.pool.live, superseded: superseded.pool.live };
  }

  isReached(number: number): boolean {
    return this.find(number) !== NIL;
  }
}

export const NO_CELLS = { extras: 0, owners: 0, superseded: 0 };
