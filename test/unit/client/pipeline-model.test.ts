/**
 * Random reads and writes of one client against a server that answers late, in any order across
 * frames, sometimes BUSY, and whose connection breaks now and then. Goal: every call settles with
 * its own answer, no write is executed twice or before an earlier one, and a write that was said to
 * be done, or not to be executed, was or was not.
 */
import { describe, expect, test } from 'vitest';
import { BusyError, ConnectionLostError } from '../../../src/client/errors.js';
import { Random } from '../../support/random.js';
import { endOfTick, FakeNetwork, TOKEN, type SentCommand } from './fake-network.js';

const ROUNDS = 400;
const CALLS_PER_ROUND_MAX = 12;
const GET = 34;

describe('Pipeline against a model', () => {
  test.each([1, 2, 3, 4, 5])('keeps its promises under random trouble, seed %i', async (seed) => {
    const random = new Random(seed);
    const percent = (share: number): boolean => random.below(100) < share;
    const network = new FakeNetwork();
    const client = await network.client({ maxInFlight: 8, timeoutMs: 10_000_000 });
    const session = client.session(TOKEN);
    const executed: number[] = [];
    const calls: Promise<void>[] = [];
    let seen = 0; // commands of the present socket that the server has looked at
    let nextWrite = 0;

    const read = async (): Promise<void> => {
      const key = `key-${random.below(1_000_000)}`;
      // A read may be answered BUSY too often; that is an answer, too.
      const value = await session.get(key).catch((error: unknown) => error);
      if (!(value instanceof BusyError || value instanceof ConnectionLostError)) {
        expect(value).toBe(key);
      }
    };
    const write = async (): Promise<void> => {
      const n = nextWrite;
      nextWrite += 1;
      const outcome = await session.set({ n }).catch((error: unknown) => error);
      const times = executed.filter((other) => other === n).length;
      if (outcome === undefined) expect(times).toBe(1);
      else if (outcome instanceof BusyError) expect(times).toBe(0);
      else {
        expect(outcome).toBeInstanceOf(ConnectionLostError);
        expect(times).toBeLessThanOrEqual(1);
      }
    };
    const answer = (command: SentCommand): readonly [number, number, unknown?] => {
      if (percent(10)) return [command.id, 203];
      if (command.op !== GET) {
        executed.push((command.body as { keys: { n: number } }).keys.n);
        return [command.id, 1];
      }
      const [key] = (command.body as { keys: [string] }).keys;
      return [command.id, 1, { keys: { [key]: key } }];
    };
    const serve = (share: number): void => {
      const commands = network.socket.commands.slice(seen);
      const served = commands.slice(0, Math.ceil(commands.length * share));
      seen += served.length;
      const replies = served.map(answer);
      const reads = replies.filter(([, , body]) => body !== undefined).reverse();
      const others = replies.filter(([, , body]) => body === undefined);
      if (replies.length > 0) network.socket.replies(...reads, ...others);
    };
    const reconnect = (): void => {
      network.timers.advance(5_000);
      network.socket.opens();
      seen = 0;
    };

    for (let round = 0; round < ROUNDS; round += 1) {
      for (let n = random.below(CALLS_PER_ROUND_MAX); n > 0; n -= 1) {
        calls.push(percent(50) ? read() : write());
      }
      await endOfTick();
      serve(random.below(100) / 100);
      network.timers.advance(random.below(600));
      if (percent(5)) {
        network.socket.breaks();
        if (percent(50)) calls.push(write(), read());
        reconnect();
      }
    }
    const all = Promise.all(calls);
    let isDone = false;
    void all.finally(() => (isDone = true));
    while (!isDone) {
      await endOfTick();
      serve(1);
      network.timers.advance(600);
    }
    await all;
    expect(executed).toEqual([...executed].sort((a, b) => a - b));
    expect(new Set(executed).size).toBe(executed.length);
    expect(executed.length).toBeGreaterThan(ROUNDS);
  });
});
