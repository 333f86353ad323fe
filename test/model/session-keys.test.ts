/**
 * Goal: small records and big maps hold keys as a Map does, in insertion order, while sessions change
 * from one form to the other, and while tidying moves headers, entries and blocks under them.
 * Method: the same random calls on a few sessions' keys and on Maps, one seed a test.
 */
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../src/core/copy.js';
import { NIL } from '../../src/memory/shared-memory.js';
import { NO_OBSERVER } from '../../src/shard/shard-counters.js';
import { ShardState } from '../../src/state/shard-state.js';
import { PageFiller } from '../support/page-filler.js';
import { Random } from '../support/random.js';

const CALLS = 20_000;
const SESSIONS = 12;
const KEY_BYTES_MAX = 512;
const encoder = new TextEncoder();

class KeysUnderTest {
  readonly state = new ShardState({ nowMs: 0, seed: [1, 2], observer: NO_OBSERVER });
  readonly models = Array.from({ length: SESSIONS }, () => new Map<string, string>());
  readonly #input = new ByteSpace(new ArrayBuffer(300_000));
  readonly #output = new ByteSpace(new ArrayBuffer(300_000));

  /** Rows move, so they are looked up each time. */
  row(session: number): number {
    const digest = Int32Array.of(session, 1, 2, 3);
    const row = this.state.find(digest, 0, 0);
    return row === NIL ? this.state.create(digest, 0, 0, false) : row;
  }

  set(session: number, key: string, value: string): void {
    const [keyBytes, valueBytes] = [this.#write(key, 1), this.#write(value, 1 + KEY_BYTES_MAX)];
    const at = 1 + KEY_BYTES_MAX;
    this.state.keys.set(this.row(session), this.#input, 1, keyBytes, at, valueBytes);
    this.models[session]!.set(key, value);
  }

  find(session: number, key: string): boolean {
    return this.state.keys.find(this.row(session), this.#input, 1, this.#write(key, 1));
  }

  remove(session: number, key: string): void {
    const isThere = this.find(session, key);
    expect(isThere).toBe(this.models[session]!.delete(key));
    if (isThere) this.state.keys.removeFound(this.row(session));
  }

  clear(session: number): void {
    const model = this.models[session]!;
    expect(this.state.keys.clear(this.row(session))).toBe(model.size);
    model.clear();
  }

  end(session: number): void {
    this.state.end(this.row(session));
    this.models[session]!.clear();
  }

  expectFound(session: number, key: string): void {
    const value = this.models[session]!.get(key);
    expect(this.find(session, key)).toBe(value !== undefined);
    if (value !== undefined) expect(this.#found()).toBe(headerOf(key) + key + value);
  }

  /** All pairs in order, and the counters. */
  expectSame(session: number): void {
    const { keys } = this.state;
    const model = this.models[session]!;
    const row = this.row(session);
    const pairs: string[] = [];
    keys.walk(row);
    while (keys.next()) pairs.push(this.#found());
    const expected = [...model].map(([key, value]) => headerOf(key) + key + value);
    if (pairs.join('\n') !== expected.join('\n')) expect(pairs).toEqual(expected);
    const bytes = expected.reduce((sum, pair) => sum + pair.length, 0);
    expect([keys.countOf(row), keys.bytesOf(row)]).toEqual([model.size, bytes]);
    expect(keys.bytesBoundOf(row)).toBeGreaterThanOrEqual(bytes);
  }

  expectTotal(): void {
    const total = this.models.reduce((sum, model) => sum + model.size, 0);
    expect(this.state.keys.total).toBe(total);
  }

  #write(text: string, at: number): number {
    return encoder.encodeInto(text, this.#input.bytes.subarray(at)).written;
  }

  #found(): string {
    const { keys } = this.state;
    keys.copyPair(this.#output, 3, keys.foundPointer, keys.foundAt, keys.foundBytes);
    return Buffer.from(this.#output.bytes.subarray(3, 3 + keys.foundBytes)).toString('latin1');
  }
}

/** The shortest msgpack header, a character a byte. */
function headerOf(key: string): string {
  if (key.length < 32) return String.fromCharCode(0xa0 | key.length);
  if (key.length < 256) return String.fromCharCode(0xd9, key.length);
  return String.fromCharCode(0xda, key.length >>> 8, key.length & 255);
}

function randomKey(random: Random): string {
  const length = [0, 8, 8, 8, 31, 32, 255, 256, 512][random.below(9)]!;
  return `${random.below(80)}`.padEnd(length, '.');
}

function randomValue(random: Random): string {
  const max = [2, 2, 120, 130, 3_000, 5_000][random.below(6)]!;
  if (random.below(200) === 0) return 'v'.repeat(32_000 + random.below(2_000));
  if (random.below(500) === 0) return 'w'.repeat(70_000 + random.below(200_000));
  return String.fromCharCode(97 + random.below(26)).repeat(1 + random.below(max));
}

function step(random: Random, subject: KeysUnderTest): void {
  // Half of the calls go to two sessions, so that these grow big.
  const session = random.below(2) === 0 ? random.below(2) : random.below(SESSIONS);
  const kind = random.below(40);
  if (kind < 18) subject.set(session, randomKey(random), randomValue(random));
  else if (kind < 30) subject.remove(session, randomKey(random));
  else if (kind < 36) subject.expectFound(session, randomKey(random));
  else if (kind < 38) subject.expectSame(session);
  else if (random.below(15) === 0) subject.clear(session);
  else if (random.below(15) === 0) subject.end(session);
  if (random.below(10) === 0) subject.state.tidy(1 + random.below(40));
}

describe('SessionKeys', () => {
  test.each([1, 2, 3])('holds keys as Maps do (seed %i)', (seed) => {
    const random = new Random(seed);
    const subject = new KeysUnderTest();
    const filler = new PageFiller(subject.state.memory);
    for (let call = 0; call < CALLS; call += 1) {
      step(random, subject);
      if (random.below(100) === 0) filler.change(random);
      if (call % 1_000 === 0) subject.expectTotal();
    }
    for (let session = 0; session < SESSIONS; session += 1) subject.expectSame(session);
    subject.expectTotal();
    for (let session = 0; session < SESSIONS; session += 1) subject.end(session);
    while (subject.state.tidy(1_000));
    expect(subject.state.arena.bytes).toBe(0);
    expect(subject.state.keys.big.entries.live + subject.state.keys.big.maps.live).toBe(0);
    expect(subject.state.keys.total).toBe(0);
  });
});
