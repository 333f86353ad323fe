/** Entry point of a generator process: takes orders from its parent, one at a time. */
import { randomFillSync } from 'node:crypto';
import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { Caller } from './caller.js';
import { fill } from './fill.js';
import type { GeneratorOrder, GeneratorReport } from './generator-messages.js';
import { Load } from './load.js';
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
  readonly #tapes = new Map<string, Tape>();

  static async prepare(order: Order<'prepare'>): Promise<Target> {
    const protocol = protocolOf(order.target);
    const tokens = randomFillSync(Buffer.alloc(order.sessions * TOKEN_BYTES));
    const { port, sessions } = order;
    // The echo server has no sessions; any token does.
    if (order.target !== 'echo') {
      await fill({ port, protocol, sessions, tokens, secondsOf: () => SESSION_SECONDS });
    }
    const load = await Load.open(port, protocol, order.connections);
    return new Target({ port, protocol, tokens, load });
  }

  constructor(parts: { port: number; protocol: Protocol; tokens: Buffer; load: Load }) {
    this.#port = parts.port;
    this.#protocol = parts.protocol;
    this.#tokens = parts.tokens;
    this.#load = parts.load;
  }

  async run(order: Order<'run'>): Promise<GeneratorReport> {
    const tape = this.#tapeOf(order.operation, order.shape.commandsPerMessage);
    const result = await this.#load.run(order.shape, tape, order);
    return { type: 'ran', ...result, latencyUs: encodeIntoCompressedBase64(result.latencyUs) };
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
      const before = this.#protocol.valueFrom(await caller.call(get));
      await caller.call(this.#protocol.set(token, index, key));
      const after = this.#protocol.valueFrom(await caller.call(get));
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
  return order.type === 'run' ? target.run(order) : target.verify();
}

process.on('message', (order: GeneratorOrder) => {
  execute(order)
    .catch((error: unknown): GeneratorReport => ({ type: 'failed', reason: String(error) }))
    .then((report) => process.send?.(report));
});
// The bench is gone, however it ended: so is its generator.
process.on('disconnect', () => process.exit(0));
