import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG } from '../../../src/config/options.js';
import { EventRingReader } from '../../../src/ring/event-ring.js';
import { RingConsumer, RingProducer } from '../../../src/ring/spsc-ring.js';
import { makePlans, type Plans } from '../../../src/server/plans.js';

function plansOf(ioThreads: number, shards: number): Plans {
  return makePlans({
    config: { ...DEFAULT_CONFIG, ioThreads, shards, ringBytes: 4_096 },
    clock: { kind: 'manual', shared: new SharedArrayBuffer(8) },
    startedMs: 5,
  });
}

describe('makePlans', () => {
  const plans = plansOf(2, 3);

  test('gives each thread its place and one link to each thread of the other kind', () => {
    expect(plans.io.map((plan) => plan.index)).toEqual([0, 1]);
    expect(plans.shards.map((plan) => plan.index)).toEqual([0, 1, 2]);
    expect(plans.io.map((plan) => plan.links.length)).toEqual([3, 3]);
    expect(plans.shards.map((plan) => plan.links.length)).toEqual([2, 2, 2]);
  });

  test('hands both ends of a link the same rings, and no two links the same', () => {
    const rings = new Set<SharedArrayBuffer>();
    for (const [io, ioPlan] of plans.io.entries()) {
      for (const [shard, link] of ioPlan.links.entries()) {
        const other = plans.shards[shard]!.links[io]!;
        expect(link.requests).toBe(other.requests);
        expect(link.replies).toBe(other.replies);
        rings.add(link.requests).add(link.replies);
      }
    }
    expect(rings.size).toBe(2 * 2 * 3);
  });

  test('makes rings of --ring-bytes that carry a record', () => {
    const { requests } = plans.io[0]!.links[0]!;
    expect(new RingProducer(requests).capacityBytes).toBe(4_096);
    expect(() => new RingConsumer(requests)).not.toThrow();
  });

  test('joins the two ports of a link', async () => {
    const port = plans.io[1]!.links[2]!.port;
    const other = plans.shards[2]!.links[1]!.port;
    const received = new Promise((resolve) => other.once('message', resolve));
    port.postMessage('hello');
    expect(await received).toBe('hello');
    port.close();
  });

  test('lets each thread ring the bell of every thread of the other kind', () => {
    for (const plan of plans.io) expect(plan.shardBells).toEqual(plans.shards.map((s) => s.bell));
    for (const plan of plans.shards) expect(plan.ioBells).toEqual(plans.io.map((io) => io.bell));
    const bells = new Set([...plans.io, ...plans.shards].map((plan) => plan.bell));
    expect(bells.size).toBe(5);
  });

  test('gives all I/O threads one secret of 32 bytes, and each server another', () => {
    const [first, second] = plans.io;
    expect(first!.secret).toEqual(second!.secret);
    expect(first!.secret.byteLength).toBe(32);
    expect(plansOf(1, 1).io[0]!.secret).not.toEqual(first!.secret);
  });

  test('gives every I/O thread the figures of all threads, each thread its own to write', () => {
    const { io, shards } = plans;
    for (const plan of io) {
      expect(plan.allCounters.io).toEqual(io.map(({ counters }) => counters));
      expect(plan.allCounters.shards).toEqual(shards.map(({ counters }) => counters));
    }
    expect(new Set([...io, ...shards].map(({ counters }) => counters)).size).toBe(5);
  });

  test('gives all threads one ring of events', () => {
    const [ring, ...others] = new Set([...plans.io, ...plans.shards].map(({ events }) => events));
    expect(others).toEqual([]);
    expect(new EventRingReader(ring!, 0).slots).toBe(DEFAULT_CONFIG.maxEvents);
  });

  test('keeps the secret from the shards', () => {
    for (const plan of plans.shards) expect(Object.keys(plan)).not.toContain('secret');
  });
});
