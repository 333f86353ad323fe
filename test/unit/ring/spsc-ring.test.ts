import { describe, expect, test } from 'vitest';
import {
  allocateRing,
  RING_CAPACITY_BYTES_MIN,
  RING_EMPTY,
  RING_FULL,
  RingConsumer,
  RingProducer,
} from '../../../src/ring/spsc-ring.js';
import { Random } from '../../support/random.js';

const CAPACITY = RING_CAPACITY_BYTES_MIN;

/** Both ends of an empty ring whose running positions start at the given value. */
function ringAt(position: number): { producer: RingProducer; consumer: RingConsumer } {
  const shared = allocateRing(CAPACITY);
  const positions = new Int32Array(shared, 0, 32);
  positions[0] = position;
  positions[16] = position;
  return { producer: new RingProducer(shared), consumer: new RingConsumer(shared) };
}

function write(producer: RingProducer, payload: Uint8Array): boolean {
  const offset = producer.reserve(payload.length);
  if (offset === RING_FULL) return false;
  expect(offset & 3).toBe(0);
  producer.bytes.set(payload, offset);
  return true;
}

/** Takes up to recordsMax records and gives their space back. */
function read(consumer: RingConsumer, recordsMax = Infinity): Uint8Array[] {
  const out: Uint8Array[] = [];
  while (out.length < recordsMax) {
    const start = consumer.next();
    if (start === RING_EMPTY) break;
    out.push(consumer.bytes.slice(start, start + consumer.payloadBytes));
  }
  consumer.release();
  return out;
}

describe('SpscRing', () => {
  test('shows the consumer nothing before publish', () => {
    const { producer, consumer } = ringAt(0);
    write(producer, Uint8Array.of(1, 2, 3));
    expect(producer.hasUnpublished).toBe(true);
    expect(consumer.isEmpty()).toBe(true);
    expect(read(consumer)).toEqual([]);
    producer.publish();
    expect(producer.hasUnpublished).toBe(false);
    expect(consumer.isEmpty()).toBe(false);
    expect(read(consumer)).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(consumer.isEmpty()).toBe(true);
  });

  test('refuses a record when full and takes it once space is given back', () => {
    const { producer, consumer } = ringAt(0);
    const big = new Uint8Array(producer.payloadBytesMax);
    for (let i = 0; i < 4; i += 1) expect(write(producer, big)).toBe(true);
    expect(write(producer, Uint8Array.of(1))).toBe(false);
    producer.publish();
    expect(consumer.next()).not.toBe(RING_EMPTY);
    expect(write(producer, Uint8Array.of(1))).toBe(false);
    consumer.release();
    expect(write(producer, Uint8Array.of(1))).toBe(true);
  });

  test('a consumer may stop anywhere and go on later', () => {
    const { producer, consumer } = ringAt(0);
    for (let i = 0; i < 5; i += 1) write(producer, Uint8Array.of(i));
    producer.publish();
    expect(read(consumer, 3)).toHaveLength(3);
    expect(read(consumer)).toEqual([Uint8Array.of(3), Uint8Array.of(4)]);
  });

  test('the consumer sees whether as much waits as it has taken', () => {
    // Under 2^32, so that the positions wrap in between.
    const { producer, consumer } = ringAt(-64);
    const record = (): void => void write(producer, new Uint8Array(28));
    expect(consumer.hasAsMuchAgain()).toBe(true);
    for (let i = 0; i < 4; i += 1) record();
    producer.publish();
    consumer.next();
    consumer.next();
    expect(consumer.hasAsMuchAgain()).toBe(true);
    consumer.next();
    expect(consumer.hasAsMuchAgain()).toBe(false);
    // What is published meanwhile counts.
    record();
    record();
    expect(consumer.hasAsMuchAgain()).toBe(false);
    producer.publish();
    expect(consumer.hasAsMuchAgain()).toBe(true);
    consumer.next();
    consumer.next();
    expect(consumer.hasAsMuchAgain()).toBe(false);
    consumer.release();
    expect(consumer.hasAsMuchAgain()).toBe(true);
  });

  test('the consumer sees that the producer wants room', () => {
    const { producer, consumer } = ringAt(0);
    expect(consumer.isRoomWanted()).toBe(false);
    producer.wantRoom(true);
    expect(consumer.isRoomWanted()).toBe(true);
    producer.wantRoom(false);
    expect(consumer.isRoomWanted()).toBe(false);
  });

  test('a ring that is closed is empty, takes one more record and says so', () => {
    const { producer, consumer } = ringAt(0);
    while (write(producer, new Uint8Array(90)));
    producer.publish();
    expect(producer.isClosed()).toBe(false);
    consumer.close();
    expect(producer.isClosed()).toBe(true);
    expect(consumer.isEmpty()).toBe(true);
    expect(write(producer, new Uint8Array(producer.payloadBytesMax))).toBe(true);
  });

  test.each([0, -1, CAPACITY / 4 - 3])('refuses a payload of %i bytes', (bytes) => {
    const { producer } = ringAt(0);
    expect(() => producer.reserve(bytes)).toThrow('fits');
  });

  test.each([1_000, 2_048, 5_000])('refuses a capacity of %i bytes', (bytes) => {
    expect(() => allocateRing(bytes)).toThrow('invariant');
  });

  // From 0, just under 2^31 and just under 2^32: where the running positions change sign or wrap.
  test.each([0, 0x7fff_f000, -4_096, -8])('keeps order and content from %i', (from) => {
    const random = new Random(7);
    const { producer, consumer } = ringAt(from);
    const sent: Uint8Array[] = [];
    const got: Uint8Array[] = [];
    for (let i = 0; i < 50_000; i += 1) {
      const payloadBytesMax = random.below(10) === 0 ? producer.payloadBytesMax : 90;
      const payload = new Uint8Array(1 + random.below(payloadBytesMax)).fill(i & 255);
      if (write(producer, payload)) sent.push(payload);
      producer.publish();
      if (random.below(3) === 0) got.push(...read(consumer, 1 + random.below(20)));
    }
    got.push(...read(consumer));
    expect(got.length).toBe(sent.length);
    expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true);
    expect(sent.length).toBeGreaterThan(20_000);
  });
});
