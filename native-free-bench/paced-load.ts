/**
 * An open loop: commands leave at a given rate, whatever comes back, so a server that stalls is seen
 * in the latency of all that was sent meanwhile. Half of them read, half of them write.
 */
import { build, type Histogram } from 'hdr-histogram-js';
import { Connection } from './connection.js';
import { delay } from './load.js';
import { ID_OFFSET, nativeProtocol } from './native-protocol.js';
import { KEY_COUNT, TOKEN_BYTES } from './protocol.js';

const MESSAGES = 65_536;
/** Ids in use at once; a power of two, more than are ever in flight. */
const IDS = 1 << 20;
/** In a message of one command, behind the frame's header, the bin's, the array's, the op and 0xce. */
const ID_AT = 6 + 2 + 1 + 1 + 1;
const TICK_MS = 1;
/** Nanoseconds would be too many digits: microseconds, up to a minute. */
const LATENCY_US_MAX = 60_000_000;

export interface PacedWindow {
  readonly perSecond: number;
  readonly until: Promise<unknown>;
}

export interface PacedResult {
  readonly latencyUs: Histogram;
  readonly commands: number;
  readonly seconds: number;
  /** The longest time between two ticks: what the generator itself was held up. */
  readonly generatorLagMs: number;
}

export class PacedLoad {
  readonly #connections: Connection[] = [];
  readonly #messages: readonly Buffer[];
  readonly #sentMs = new Float64Array(IDS);
  #sent = 0;
  #awaited = 0;
  #failures = 0;
  #latencyUs: Histogram | undefined;

  static async open(port: number, tokens: Buffer, connections: number): Promise<PacedLoad> {
    const load = new PacedLoad(tokens);
    for (let count = 0; count < connections; count += 1) {
      const reader = nativeProtocol.replyReader((bytes, start) => load.#answered(bytes, start));
      const connection = await Connection.open({
        port,
        protocol: nativeProtocol,
        onBytes: (bytes, end) => {
          const before = reader.failures;
          reader.read(bytes, end);
          load.#failures += reader.failures - before;
        },
        onLost: (error) => {
          throw error;
        },
      });
      load.#connections.push(connection);
    }
    return load;
  }

  constructor(tokens: Buffer) {
    const sessions = tokens.length / TOKEN_BYTES;
    this.#messages = Array.from({ length: MESSAGES }, (_, index) => {
      const session = Math.floor(Math.random() * sessions);
      const token = tokens.subarray(session * TOKEN_BYTES, (session + 1) * TOKEN_BYTES);
      const operation = index % 2 === 0 ? 'get' : 'set';
      const key = 1 + (index % KEY_COUNT);
      return nativeProtocol.message([nativeProtocol[operation](token, session, key)]);
    });
  }

  async run({ perSecond, until }: PacedWindow): Promise<PacedResult> {
    const latencyUs = build({ highestTrackableValue: LATENCY_US_MAX });
    this.#latencyUs = latencyUs;
    let isOver = false;
    void until.finally(() => (isOver = true));
    const startedMs = performance.now();
    let sent = 0;
    let lastMs = startedMs;
    let generatorLagMs = 0;
    while (!isOver) {
      await delay(TICK_MS);
      const nowMs = performance.now();
      generatorLagMs = Math.max(generatorLagMs, nowMs - lastMs);
      lastMs = nowMs;
      const due = Math.floor(((nowMs - startedMs) / 1_000) * perSecond);
      this.#send(due - sent, nowMs);
      sent = due;
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    while (this.#awaited > 0) await delay(1);
    if (this.#failures > 0) throw new Error(`${this.#failures} failing replies`);
    this.#latencyUs = undefined;
    return { latencyUs, commands: sent, seconds, generatorLagMs };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #send(count: number, nowMs: number): void {
    const connections = this.#connections.length;
    const perConnection = Math.ceil(count / connections);
    for (let sent = 0; sent < count;) {
      const frames: Buffer[] = [];
      for (let each = 0; each < perConnection && sent < count; each += 1, sent += 1) {
        const message = this.#messages[this.#sent % MESSAGES]!;
        const slot = this.#sent % IDS;
        message.writeUInt32BE(ID_OFFSET + slot, ID_AT);
        this.#sentMs[slot] = nowMs;
        frames.push(message);
        this.#sent += 1;
        this.#awaited += 1;
      }
      const connection = Math.floor((sent - 1) / perConnection) % connections;
      this.#connections[connection]!.write(Buffer.concat(frames));
    }
  }

  #answered(bytes: Buffer, start: number): void {
    const slot = bytes.readUInt32BE(start + 2) - ID_OFFSET;
    this.#awaited -= 1;
    this.#latencyUs?.recordValue(Math.round((performance.now() - this.#sentMs[slot]!) * 1_000));
  }
}
