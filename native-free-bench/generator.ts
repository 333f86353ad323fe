/** Entry point of a generator process: takes orders from its parent, one at a time. */
import { randomFillSync } from 'node:crypto';
import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { Caller } from './caller.js';
import { fill } from './fill.js';
import type { GeneratorOrder, GeneratorReport } from './generator-messages.js';
import { delay, Load } from './load.js';
import { PacedLoad } from './paced-load.js';
import { KEY_COUNT, TOKEN_BYTES, valueText, type Operation, type Protocol } from './protocol.js';
import { protocolOf } from './servers.js';
import { buildTape, type Tape } from './tape.js';

const SESSION_SECONDS = 3_600;
const SESSIONS_CHECKED = 100;
const PROBLEMS_MAX = 5;

type Order<Type extends GeneratorOrder['type']> = Extract<GeneratorOrder, { readonly type: Type }>;

/** One server under load, with its sessions, connections and prebuilt requests. */
class Target {
  readonly #port: number;
  readonly #protocol: Protocol;
  readonly #tokens: Buffer;
  readonly #load: Load;
  readonly #connections: number;
  readonly #tapes = new Map<string, Tape>();
  readonly #pacedLoads = new Map<string, PacedLoad>();

  static async prepare(order: Order<'prepare'>): Promise<Target> {
    const protocol = protocolOf(order.target);
    const tokens = randomFillSync(Buffer.alloc(order.sessions * TOKEN_BYTES));
    const { port, sessions } = order;
    // The echo server has no sessions; any token does.
    if (order.target !== 'echo') {
      await fill({ port, protocol, sessions, tokens, secondsOf: () => SESSION_SECONDS });
    }
    const load = await Load.open(port, protocol, order.connections);
    return new Target(order, protocol, tokens, load);
  }

  constructor(
    { port, connections }: Order<'prepare'>,
    protocol: Protocol,
    tokens: Buffer,
    load: Load,
  ) {
    this.#port = port;
    this.#connections = connections;
    this.#protocol = protocol;
    this.#tokens = tokens;
    this.#load = load;
  }

  async run(order: Order<'run'>): Promise<GeneratorReport> {
    const tape = this.#tapeOf(order.operation, order.shape.commandsPerMessage);
    const result = await this.#load.run(order.shape, tape, order);
    return { type: 'ran', ...result, latencyUs: encodeIntoCompressedBase64(result.latencyUs) };
  }

  async pace(order: Order<'pace'>): Promise<GeneratorReport> {
    const load = await this.#pacedLoadOf(order.operations);
    const { perSecond, warmSeconds, seconds } = order;
    const until = delay((warmSeconds + seconds) * 1_000);
    const result = await load.run({ perSecond, warmSeconds, until });
    return {
      type: 'paced',
      commands: result.commands,
      seconds: result.seconds,
      latencyUs: encodeIntoCompressedBase64(result.latencyUs),
      latenessUs: encodeIntoCompressedBase64(result.latenessUs),
    };
  }

  /** Reads, writes and reads again some sessions, and compares what comes back. */
  async verify(): Promise<GeneratorReport> {
    const caller = await Caller.open(this.#port, this.#protocol);
    const problems: string[] = [];
    const sessions = this.#tokens.length / TOKEN_BYTES;
    for (let count = 0; count < SESSIONS_CHECKED; count += 1) {
      const index = Math.floor(Math.random() * sessions);
      const token = this.#tokens.subarray(index * TOKEN_BYTES, (index + 1) * TOKEN_BYTES);
      const key = 1 + (count % KEY_COUNT);
      const get = this.#protocol.get(token, index, key);
      const before = this.#protocol.valueFrom(await caller.call(get), key);
      await caller.call(this.#protocol.set(token, index, key));
      const after = this.#protocol.valueFrom(await caller.call(get), key);
      const isBeforeRight =
        before === valueText(index, key, 0) || before === valueText(index, key, 1);
      if (isBeforeRight && after === valueText(index, key, 1)) continue;
      problems.push(`session ${index}, key ${key}: got ${before}, and ${after} after a write`);
    }
    caller.close();
    return {
      type: 'verified',
      checked: SESSIONS_CHECKED,
      problems: problems.slice(0, PROBLEMS_MAX),
    };
  }

  /** On connections of its own. */
  async #pacedLoadOf(operations: readonly Operation[]): Promise<PacedLoad> {
    const name = operations.join();
    let load = this.#pacedLoads.get(name);
    if (load === undefined) {
      load = await PacedLoad.open({
        port: this.#port,
        protocol: this.#protocol,
        tokens: this.#tokens,
        connections: this.#connections,
        operations,
      });
      this.#pacedLoads.set(name, load);
    }
    return load;
  }

  #tapeOf(operation: Operation, perMessage: number): Tape {
    const name = `${operation} ${perMessage}`;
    let tape = this.#tapes.get(name);
    if (tape === undefined) {
      tape = buildTape({ protocol: this.#protocol, operation, perMessage, tokens: this.#tokens });
      this.#tapes.set(name, tape);
    }
    return tape;
  }
}

const targets = new Map<string, Target>();

async function execute(order: GeneratorOrder): Promise<GeneratorReport> {
  if (order.type === 'prepare') {
    targets.set(order.name, await Target.prepare(order));
    return { type: 'prepared' };
  }
  const target = targets.get(order.name);
  if (target === undefined) throw new Error(`${order.name} is not prepared`);
  switch (order.type) {
    case 'run':
      return target.run(order);
    case 'pace':
      return target.pace(order);
    case 'verify':
      return target.verify();
  }
}

process.on('message', (order: GeneratorOrder) => {
  execute(order)
    .catch((error: unknown): GeneratorReport => ({ type: 'failed', reason: String(error) }))
    .then((report) => process.send?.(report));
});
// The bench is gone, however it ended: so is its generator.
process.on('disconnect', () => process.exit(0));
