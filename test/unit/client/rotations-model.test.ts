/**
 * Random commands and rotations of one session object against a server that executes in order, knows
 * the present token only, sometimes answers BUSY, answers late, and whose connection breaks now and
 * then. Where that takes the answer of a rotation along, the old token stays good (its grace). Goal:
 * no command is ever sent with a token that is not good when it arrives, every write is executed once
 * or not at all as it was told, and in the order of the calls.
 */
import { describe, expect, test } from 'vitest';
import { BusyError, ConnectionLostError } from '../../../src/client/errors.js';
import { tokenTextOf } from '../../../src/client/token-text.js';
import { Random } from '../../support/random.js';
import { endOfTick, FakeNetwork, TOKEN, type SentCommand } from './fake-network.js';

const [ROTATE, COUNT] = [10, 39];
const ROUNDS = 300;
const CALLS_PER_ROUND_MAX = 6;

class Server {
  readonly executed: number[] = [];
  readonly #random: Random;
  /** Good tokens, the present one last. */
  #tokens = [TOKEN];
  #rotations = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get token(): string {
    return this.#tokens.at(-1)!;
  }

  get rotations(): number {
    return this.#rotations;
  }

  answer({ op, id, token, body }: SentCommand): readonly [number, number, unknown?] {
    expect(this.#tokens).toContain(tokenTextOf(token));
    if (this.#random.below(10) === 0) return [id, 203];
    if (op === COUNT) return [id, 1, { cnt: this.executed.length }];
    if (op === ROTATE) return [id, 1, this.#rotate()];
    this.executed.push((body as { keys: { n: number } }).keys.n);
    return [id, 1];
  }

  /** The client has read the reply to the last rotation: those before lose their grace. */
  heard(): void {
    this.#tokens = [this.token];
  }

  #rotate(): { readonly tkn: Uint8Array; readonly id: string } {
    this.#rotations += 1;
    const bytes = new Uint8Array(24).fill(1);
    new DataView(bytes.buffer).setUint32(0, this.#rotations);
    this.#tokens.push(tokenTextOf(bytes)!);
    return { tkn: bytes, id: String(this.#rotations) };
  }
}

describe('rotations against a model', () => {
  test.each([1, 2, 3, 4, 5, 6])('use no token that is not good, seed %i', async (seed) => {
    const random = new Random(seed);
    const percent = (share: number): boolean => random.below(100) < share;
    const network = new FakeNetwork();
    const client = await network.client({ maxInFlight: 6, timeoutMs: 10_000_000 });
    const session = client.session(TOKEN);
    const server = new Server(random);
    const calls: Promise<void>[] = [];
    let nextWrite = 0;
    let seen = 0; // commands of the present socket that the server has looked at

    const isTrouble = (error: unknown): boolean =>
      error instanceof BusyError || error instanceof ConnectionLostError;
    const write = async (): Promise<void> => {
      const n = nextWrite;
      nextWrite += 1;
      const outcome = await session.set({ n }).catch((error: unknown) => error);
      const times = server.executed.filter((other) => other === n).length;
      if (outcome === undefined) expect(times).toBe(1);
      else if (outcome instanceof BusyError) expect(times).toBe(0);
      else expect([isTrouble(outcome), times <= 1]).toEqual([true, true]);
    };
    const look = async (call: () => Promise<unknown>): Promise<void> => {
      await call().catch((error: unknown) => expect(isTrouble(error)).toBe(true));
    };
    const callOne = (): Promise<void> => {
      if (percent(15)) return look(() => session.rotate({ grace: 60 }));
      return percent(50) ? write() : look(() => session.count());
    };
    const serve = (isHeard = true): void => {
      const commands = network.socket.commands.slice(seen);
      const served = commands.slice(0, random.below(commands.length + 1));
      seen += served.length;
      const replies = served.map((command) => server.answer(command));
      if (!isHeard || replies.length === 0) return;
      network.socket.replies(...replies);
      const hasRotated = served.some(({ op }, at) => op === ROTATE && replies[at]?.[1] === 1);
      if (hasRotated) server.heard();
    };

    for (let round = 0; round < ROUNDS; round += 1) {
      for (let n = random.below(CALLS_PER_ROUND_MAX); n > 0; n -= 1) calls.push(callOne());
      await endOfTick();
      serve();
      network.timers.advance(random.below(600));
      if (!percent(5)) continue;
      await endOfTick();
      serve(false);
      network.socket.breaks();
      if (percent(50)) calls.push(callOne(), callOne());
      network.timers.advance(5_000);
      network.socket.opens();
      seen = 0;
    }
    let isDone = false;
    const all = Promise.all(calls).finally(() => (isDone = true));
    while (!isDone) {
      await endOfTick();
      serve();
      network.timers.advance(600);
    }
    await all;
    expect(server.executed).toEqual([...server.executed].sort((a, b) => a - b));
    expect(server.rotations).toBeGreaterThan(20);
  });
});
