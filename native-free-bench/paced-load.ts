/**
 * An open loop: commands leave at a given rate, whatever comes back, so a server that stalls is seen
 * in the latency of all that was sent meanwhile. Half of them read, half of them write.
 *
 * Every millisecond what is due by then leaves, in writes of 16 commands, each on the next connection:
 * the writes of a closed loop with 16 in flight, by which the full rate is found. Messages are built
 * ahead and never changed, so that the generator takes little of the cores it shares with the
 * server. A message's id is its place; it is sent again only after it was answered.
 */
import { build, type Histogram } from 'hdr-histogram-js';
import { Connection } from './connection.js';
import { delay } from './load.js';
import { ID_OFFSET, nativeProtocol } from './native-protocol.js';
import { KEY_COUNT, TOKEN_BYTES, type ReplyReader } from './protocol.js';

/** More than are ever in flight: most of a second of 300,000/s. */
const MESSAGES = 1 << 18;
const MESSAGES_PER_WRITE = 16;
const TICK_MS = 1;
/** Of a reply, behind the array's first byte and the 0xce of the id. */
const REPLY_ID_AT = 2;
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
  /** All messages, one behind the other. */
  readonly #tape: Buffer;
  /** Where each begins, and the last one ends. */
  readonly #starts = new Uint32Array(MESSAGES + 1);
  /** When each was sent; 0 for one that is not in flight. */
  readonly #sentMs = new Float64Array(MESSAGES);
  #nextMessage = 0;
  #nextConnection = 0;
  #awaited = 0;
  #failures = 0;
  /** When the bytes came that are being read. */
  #readMs = 0;
  #latencyUs: Histogram | undefined;

  static async open(port: number, tokens: Buffer, connections: number): Promise<PacedLoad> {
    const load = new PacedLoad(tokens);
    for (let count = 0; count < connections; count += 1) {
      const reader = nativeProtocol.replyReader((bytes, start) => load.#answered(bytes, start));
      const connection = await Connection.open({
        port,
        protocol: nativeProtocol,
        onBytes: (bytes, end) => load.#read(reader, bytes, end),
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
    const messages: Buffer[] = [];
    for (let index = 0; index < MESSAGES; index += 1) {
      const session = Math.floor(Math.random() * sessions);
      const token = tokens.subarray(session * TOKEN_BYTES, (session + 1) * TOKEN_BYTES);
      const operation = index % 2 === 0 ? 'get' : 'set';
      const key = 1 + (index % KEY_COUNT);
      const message = nativeProtocol.message([nativeProtocol[operation](token, index, key)]);
      messages.push(message);
      this.#starts[index + 1] = this.#starts[index]! + message.length;
    }
    this.#tape = Buffer.concat(messages);
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
    for (let left = count; left > 0;) {
      const from = this.#nextMessage;
      const to = Math.min(from + Math.min(left, MESSAGES_PER_WRITE), MESSAGES);
      if (this.#sentMs[to - 1] !== 0) throw new Error('the server is too far behind the rate');
      this.#sentMs.fill(nowMs, from, to);
      this.#awaited += to - from;
      const bytes = this.#tape.subarray(this.#starts[from], this.#starts[to]);
      this.#connections[this.#nextConnection]!.write(bytes);
      this.#nextConnection = (this.#nextConnection + 1) % this.#connections.length;
      this.#nextMessage = to % MESSAGES;
      left -= to - from;
    }
  }

  #read(reader: ReplyReader, bytes: Buffer, end: number): void {
    const before = reader.failures;
    this.#readMs = performance.now();
    reader.read(bytes, end);
    this.#failures += reader.failures - before;
  }

  #answered(bytes: Buffer, start: number): void {
    const message = bytes.readUInt32BE(start + REPLY_ID_AT) - ID_OFFSET;
    this.#awaited -= 1;
    this.#latencyUs?.recordValue(Math.round((this.#readMs - this.#sentMs[message]!) * 1_000));
    this.#sentMs[message] = 0;
  }
}
