import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { SideRoad } from '../../../src/ring/side-road.js';

const channel = new MessageChannel();
afterEach(() => {
  channel.port1.close();
});

test('SideRoad hands over buffers in the order posted, synchronously, and only those posted', () => {
  const sender = new SideRoad(channel.port1);
  const receiver = new SideRoad(channel.port2);
  const source = Uint8Array.from({ length: 100 }, (_, i) => i);
  sender.postCopy(source, 10, 20);
  const whole = new ArrayBuffer(5);
  sender.post(whole);
  expect(whole.byteLength).toBe(0);
  expect(new Uint8Array(receiver.take())).toEqual(source.slice(10, 20));
  expect(receiver.take().byteLength).toBe(5);
  expect(() => receiver.take()).toThrow('side road');
});
