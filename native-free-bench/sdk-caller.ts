/**
 * Entry point of a process with one client in it: Sojourn's SDK, or the `redis` package. Both run the
 * same loops: as many callers as calls in flight, each of which awaits one call after another.
 * Takes orders from its parent, one at a time.
 */
import { createClient } from 'redis';
import { connect } from '../src/client/index.js';
import { KEY_COUNT, keyName, valueText } from './protocol.js';
import type { SdkOrder, SdkReport } from './sdk-messages.js';

const SESSION_SECONDS = 3_600;
const SESSIONS_PER_STEP = 1_000;
const CHECKED = 1_000;
/** A power of two. */
const DRAWS = 1 << 16;

/** A client that holds its sessions. */
interface Calls {
  create(index: number): Promise<void>;
  get(index: number, key: number): Promise<string | null | undefined>;
}

type Keys = Record<string, string>;

function keysOf(index: number): Keys {
  const keys = Array.from({ length: KEY_COUNT }, (_, at) => at + 1);
  return Object.fromEntries(keys.map((key) => [keyName(key), valueText(index, key, 0)]));
}

async function sojournCalls(port: number, sessions: number): Promise<Calls> {
  const client = await connect(`ws://127.0.0.1:${port}`);
  const all = Array.from({ length: sessions }, () => client.defaultMap as Getter);
  return {
    async create(index) {
      const options = { keys: keysOf(index), expiry: { duration: SESSION_SECONDS } };
      all[index] = await client.newSession<Keys>(options);
    },
    get: (index, key) => all[index]!.get(keyName(key)),
  };
}

interface Getter {
  get(key: string): Promise<string | undefined>;
}

async function redisCalls(port: number): Promise<Calls> {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  await client.connect();
  // Names as long as a token.
  const nameOf = (index: number): string => `session:${String(index).padStart(24, '0')}`;
  return {
    async create(index) {
      const name = nameOf(index);
      await Promise.all([
        client.hSet(name, keysOf(index)),
        client.pExpire(name, SESSION_SECONDS * 1_000),
      ]);
    },
    get: (index, key) => client.hGet(nameOf(index), keyName(key)),
  };
}

class Caller {
  readonly #calls: Calls;
  /** Sessions in random order, drawn before the clock runs. */
  readonly #draws: Int32Array;
  #drawn = 0;
  #isOver = false;
  #answered = 0;
  #failures = 0;

  static async prepare({ kind, port, sessions }: SdkOrder & { type: 'prepare' }): Promise<Caller> {
    const calls = await (kind === 'sojourn' ? sojournCalls(port, sessions) : redisCalls(port));
    for (let first = 0; first < sessions; first += SESSIONS_PER_STEP) {
      const count = Math.min(SESSIONS_PER_STEP, sessions - first);
      await Promise.all(Array.from({ length: count }, (_, at) => calls.create(first + at)));
    }
    const caller = new Caller(calls, sessions);
    await caller.#verify();
    return caller;
  }

  constructor(calls: Calls, sessions: number) {
    this.#calls = calls;
    this.#draws = Int32Array.from({ length: DRAWS }, () => Math.floor(Math.random() * sessions));
  }

  async run(seconds: number, callsInFlight: number): Promise<SdkReport> {
    this.#isOver = false;
    this.#answered = 0;
    const cpuBefore = process.cpuUsage();
    const startedMs = performance.now();
    const callers = Array.from({ length: callsInFlight }, () => this.#callOneByOne());
    const timer = setTimeout(() => (this.#isOver = true), seconds * 1_000);
    await Promise.all(callers);
    clearTimeout(timer);
    const elapsedSeconds = (performance.now() - startedMs) / 1_000;
    const { user, system } = process.cpuUsage(cpuBefore);
    const calls = this.#answered;
    if (this.#failures > 0) throw new Error(`${this.#failures} calls found nothing`);
    return {
      type: 'ran',
      perSecond: calls / elapsedSeconds,
      cpuUsPerCall: (user + system) / calls,
    };
  }

  async #callOneByOne(): Promise<void> {
    while (!this.#isOver) {
      const index = this.#draws[this.#drawn & (DRAWS - 1)]!;
      const key = 1 + (this.#drawn % KEY_COUNT);
      this.#drawn += 1;
      const value = await this.#calls.get(index, key);
      if (typeof value !== 'string') this.#failures += 1;
      this.#answered += 1;
    }
  }

  /** Throws unless the sessions hold what was stored. */
  async #verify(): Promise<void> {
    for (let count = 0; count < CHECKED; count += 1) {
      const index = this.#draws[count]!;
      const key = 1 + (count % KEY_COUNT);
      const value = await this.#calls.get(index, key);
      if (value === valueText(index, key, 0)) continue;
      throw new Error(`session ${index}, key ${key}: got ${String(value)}`);
    }
  }
}

let caller: Caller | undefined;

async function execute(order: SdkOrder): Promise<SdkReport> {
  if (order.type === 'prepare') {
    caller = await Caller.prepare(order);
    return { type: 'prepared' };
  }
  if (caller === undefined) throw new Error('nothing is prepared');
  return caller.run(order.seconds, order.callsInFlight);
}

process.on('message', (order: SdkOrder) => {
  execute(order)
    .catch((error: unknown): SdkReport => ({ type: 'failed', reason: String(error) }))
    .then((report) => process.send?.(report));
});
// The bench is gone, however it ended: so is this process.
process.on('disconnect', () => process.exit(0));
