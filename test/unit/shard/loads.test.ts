import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import type { LoadReport } from '../../../src/config/load-messages.js';
import { Loads, type LoadsParts } from '../../../src/shard/loads.js';
import { Admission } from '../../../src/shard/admission.js';
import { ShardCounters } from '../../../src/shard/shard-counters.js';
import { allocateCounters, SHARD_COUNTERS } from '../../../src/core/counters.js';
import { entry, pair, sessionEntry } from '../../support/entry-bytes.js';
import { bytes } from '../../support/msgpack-bytes.js';
import { sessionKey, ShardHarness, START_MS } from '../../support/shard-harness.js';

class Loading {
  readonly shard = new ShardHarness();
  readonly reports: LoadReport[] = [];
  readonly loads: Loads;
  isLogFailing = false;
  flushes = 0;
  /** How far the clock goes at each look. */
  lookMs = 0;
  looks = 0;

  constructor(parts: Partial<LoadsParts> = {}) {
    const { sessions, defaults } = this.shard;
    const limits = { sessionsMax: 0, memoryBytesMax: 0, evictsSoonest: false };
    const counters = new ShardCounters(allocateCounters(SHARD_COUNTERS));
    this.loads = new Loads({
      ...{ sessions, defaults, sessionBytesMax: 1 << 20 },
      admission: new Admission(limits, sessions, [sessions, defaults.state], counters),
      clock: {
        nowMs: () => {
          this.looks += 1;
          return START_MS + this.looks * this.lookMs;
        },
      },
      isLogFailing: () => this.isLogFailing,
      flushIfLarge: () => (this.flushes += 1),
      report: (report) => this.reports.push(report),
      ...parts,
    });
  }

  get sessions(): number {
    return this.shard.sessions.sessionCount;
  }
}

function saved(number: number): Uint8Array {
  const { slot, digest } = sessionKey(number);
  const session = { kind: 1, slot, digest, version: 1, createdMs: START_MS - 1_000 };
  return sessionEntry(session, pair('a', encode(number)), pair('b', encode('b')));
}

function pieceOf(...entries: Uint8Array[]): ArrayBuffer {
  return Uint8Array.from(bytes(...entries)).buffer;
}

const many = (count: number): ArrayBuffer =>
  pieceOf(...Array.from({ length: count }, (_, i) => saved(i)));

describe('Loads', () => {
  test('puts a piece in place slice by slice, each bounded in time', () => {
    const loading = new Loading();
    loading.loads.take({ type: 'load', id: 7, kind: 'sessions', entries: many(100) });
    // A look after each 8 entries: 0.25 ms are over after the third.
    loading.lookMs = 0.1;
    loading.loads.slice(true);
    expect(loading.sessions).toBe(24);
    expect(loading.loads.isActive).toBe(true);
    loading.loads.slice(false);
    expect(loading.sessions).toBe(100);
    expect(loading.loads.isActive).toBe(false);
    expect(loading.flushes).toBeGreaterThan(10);
  });

  test('stops a slice after some looks, though the clock stands still', () => {
    const loading = new Loading();
    loading.loads.take({ type: 'load', id: 7, kind: 'sessions', entries: many(2_000) });
    loading.loads.slice(true);
    expect(loading.sessions).toBe(1_024);
  });

  test('reports a piece only after the flush that follows it', () => {
    const loading = new Loading();
    loading.loads.take({ type: 'load', id: 7, kind: 'sessions', entries: many(3) });
    loading.loads.take({ type: 'load', id: 8, kind: 'sessions', entries: many(5) });
    loading.loads.flushed(true);
    loading.loads.slice(false);
    expect(loading.reports).toEqual([]);
    loading.loads.flushed(true);
    loading.loads.flushed(true);
    const report = { type: 'loaded', problem: undefined };
    expect(loading.reports).toEqual([
      { ...report, id: 7, sessions: 3, keys: 6 },
      { ...report, id: 8, sessions: 2, keys: 4 },
    ]);
  });

  test('says that a piece is not durable if its flush has failed', () => {
    const loading = new Loading();
    loading.loads.take({ type: 'load', id: 7, kind: 'sessions', entries: many(3) });
    loading.loads.slice(false);
    loading.loads.flushed(false);
    expect(loading.reports).toMatchObject([{ id: 7, problem: { kind: 'not-durable' } }]);
  });

  test('puts nothing in place while the log fails', () => {
    const loading = new Loading();
    loading.isLogFailing = true;
    loading.loads.take({ type: 'load', id: 7, kind: 'sessions', entries: many(3) });
    loading.loads.slice(false);
    loading.loads.flushed(true);
    expect(loading.sessions).toBe(0);
    expect(loading.reports).toMatchObject([{ problem: { kind: 'not-durable' } }]);
  });

  test('stops at an entry that is none or no session, and tells of it', () => {
    for (const bad of [new Uint8Array(24), entry({ kind: 2, version: 1, deadlineMs: Infinity })]) {
      const loading = new Loading();
      const entries = pieceOf(saved(1), bad, saved(2));
      loading.loads.take({ type: 'load', id: 7, kind: 'sessions', entries });
      loading.loads.slice(false);
      loading.loads.flushed(true);
      expect(loading.reports).toMatchObject([{ sessions: 1, problem: { kind: 'damaged' } }]);
      expect(loading.loads.isActive).toBe(false);
    }
  });

  test('goes on with the next piece after one that was stopped', () => {
    const loading = new Loading();
    const bad = pieceOf(new Uint8Array(24));
    loading.loads.take({ type: 'load', id: 7, kind: 'sessions', entries: bad });
    loading.loads.take({ type: 'load', id: 8, kind: 'sessions', entries: many(2) });
    loading.loads.slice(false);
    loading.loads.flushed(true);
    expect(loading.reports.map(({ id, sessions }) => [id, sessions])).toEqual([
      [7, 0],
      [8, 2],
    ]);
  });

  test('counts no sessions for the default map', () => {
    const loading = new Loading();
    const map = { kind: 1, flags: 1, version: 1, deadlineMs: Infinity, createdMs: START_MS };
    const entries = pieceOf(sessionEntry(map, pair('a', encode(1)), pair('b', encode(2))));
    loading.loads.take({ type: 'load', id: 7, kind: 'default-map', entries });
    loading.loads.slice(false);
    loading.loads.flushed(true);
    expect(loading.reports).toMatchObject([{ sessions: 0, keys: 2, problem: undefined }]);
    expect(loading.shard.ask('KV_GET_ALL', undefined)).toEqual([1, { keys: { a: 1, b: 2 } }]);
  });
});
