/**
 * An open loop: commands are due at a given rate, whatever comes back, and a command's latency
 * counts from the instant at which it was due. So a server that stalls is seen in the latency of
 * all that was due meanwhile, and a generator that is held up does not hide it.
 *
 * What is due within a millisecond is due at its beginning, and leaves in writes of 16 commands, each
 * on the next connection: the writes of a closed loop with 16 in flight, by which the full rate is
 * found. Messages are built ahead and never changed, so that the generator takes little of the
 * cores that it shares with the server. A message is sent again only after it was answered.
 */
import type { Histogram } from 'hdr-histogram-js';
import { Connection } from './connection.js';
import { newLatencyHistogram } from './latency.js';
import { delay } from './load.js';
import { MessageQueue } from './message-queue.js';
import {
  KEY_COUNT,
  TOKEN_BYTES,
  type Operation,
  type Protocol,
  type ReplyReader,
} from './protocol.js';
import { Ticker, type StartTicker } from './ticker.js';

/** More than are ever in flight: a quarter of a second of 500,000/s. */
const MESSAGES = 1 << 17;
const MESSAGES_PER_WRITE = 16;
const TICK_MS = 1;

export interface PacedLoadOptions {
  readonly port: number;
  readonly protocol: Protocol;
  readonly tokens: Buffer;
  readonly connections: number;
  /** They take turns. */
  readonly operations: readonly Operation[];
  /** What to count the time by, if not by a thread. */
  readonly startTicker?: StartTicker;
}

export interface PacedWindow {
  readonly perSecond: number;
  /** Runs at that rate beforehand, unmeasured. */
  readonly warmSeconds?: number;
  /** Ends the window. */
  readonly until: Promise<unknown>;
}

export interface PacedResult {
  /** From the instant at which each command was due to its reply, microseconds. */
  readonly latencyUs: Histogram;
  /** From there to when it left: what the generator itself was late. */
  readonly latenessUs: Histogram;
  readonly commands: number;
  readonly seconds: number;
}

/** A connection and the messages on their way there, where replies do not name theirs. */
interface Lane {
  readonly connection: Connection;
  readonly inFlight: MessageQueue | undefined;
}

/** Takes what is due from its beginning on, also what is answered after its end. */
interface OpenWindow {
  readonly fromMs: number;
  readonly latencyUs: Histogram;
  readonly latenessUs: Histogram;
}

/** The server could not do what was asked of it: too much waits for replies, or was refused. */
export class TooFarBehind extends Error {
  override readonly name = 'TooFarBehind';
}

/** Commands at a fixed rate, by connections of its own. */
export class PacedLoad {
  readonly #options: PacedLoadOptions;
  readonly #lanes: Lane[] = [];
  /** All messages, one behind the other. */
  readonly #tape: Buffer;
  /** Where each begins, and the last one ends. */
  readonly #starts = new Uint32Array(MESSAGES + 1);
  /** When each was due; 0 for one that is not in flight. */
  readonly #dueMs = new Float64Array(MESSAGES);
  readonly #lost: Promise<never>;
  #reject: (error: Error) => void = () => undefined;
  #nextMessage = 0;
  #nextLane = 0;
  #awaited = 0;
  #failures = 0;
  /** When the bytes came that are being read. */
  #readMs = 0;
  #perTick = 0;
  #ticks = 0;
  #sent = 0;
  #window: OpenWindow | undefined;

  static async open(options: PacedLoadOptions): Promise<PacedLoad> {
    const load = new PacedLoad(options);
    for (let count = 0; count < options.connections; count += 1) await load.#add();
    return load;
  }

  constructor(options: PacedLoadOptions) {
    this.#options = options;
    const { protocol, tokens, operations } = options;
    const sessions = tokens.length / TOKEN_BYTES;
    const messages: Buffer[] = [];
    for (let index = 0; index < MESSAGES; index += 1) {
      const session = Math.floor(Math.random() * sessions);
      const token = tokens.subarray(session * TOKEN_BYTES, (session + 1) * TOKEN_BYTES);
      const operation = operations[index % operations.length]!;
      // The index is the message's own, by which its reply is told.
      const command = protocol[operation](token, index, 1 + (index % KEY_COUNT));
      const message = protocol.message([command]);
      messages.push(message);
      this.#starts[index + 1] = this.#starts[index]! + message.length;
    }
    this.#tape = Buffer.concat(messages);
    this.#lost = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Noticed at the next run(); until then it must not count as unhandled.
    this.#lost.catch(() => undefined);
  }

  async run({ perSecond, warmSeconds = 0, until }: PacedWindow): Promise<PacedResult> {
    this.#perTick = (perSecond * TICK_MS) / 1_000;
    this.#ticks = 0;
    this.#sent = 0;
    const { startTicker = Ticker.start } = this.#options;
    const ticker = await startTicker(TICK_MS, (dueMs) => this.#onTick(dueMs));
    try {
      await this.#orLost(delay(warmSeconds * 1_000));
      const fromMs = performance.now();
      const latencyUs = newLatencyHistogram();
      const latenessUs = newLatencyHistogram();
      const sentBefore = this.#sent;
      this.#window = { fromMs, latencyUs, latenessUs };
      await this.#orLost(until);
      const seconds = (performance.now() - fromMs) / 1_000;
      const commands = this.#sent - sentBefore;
      await ticker.stop();
      while (this.#awaited > 0) await this.#orLost(delay(1));
      if (this.#failures > 0) throw new TooFarBehind(`${this.#failures} failing replies`);
      return { latencyUs, latenessUs, commands, seconds };
    } finally {
      this.#window = undefined;
      await ticker.stop();
    }
  }

  close(): void {
    for (const { connection } of this.#lanes) connection.close();
  }

  async #add(): Promise<void> {
    const { port, protocol } = this.#options;
    const { replyIndex } = protocol;
    const inFlight = replyIndex === undefined ? new MessageQueue() : undefined;
    const reader = protocol.replyReader((bytes, start) =>
      this.#answered(replyIndex === undefined ? inFlight!.take() : replyIndex(bytes, start)),
    );
    const connection = await Connection.open({
      port,
      protocol,
      onBytes: (bytes, end) => this.#read(reader, bytes, end),
      onLost: (error) => this.#reject(error),
    });
    this.#lanes.push({ connection, inFlight });
  }

  #orLost<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#lost]);
  }

  /** Sends what is due now, under the instant at which it was. */
  #onTick(dueMs: number): void {
    this.#ticks += 1;
    const count = Math.floor(this.#ticks * this.#perTick) - this.#sent;
    try {
      this.#send(count, dueMs);
    } catch (error) {
      this.#reject(error as Error);
      return;
    }
    const latenessUs = microseconds(performance.now() - dueMs);
    this.#window?.latenessUs.recordValueWithCount(latenessUs, count);
  }

  #send(count: number, dueMs: number): void {
    this.#sent += count;
    for (let left = count; left > 0;) {
      const from = this.#nextMessage;
      const to = Math.min(from + Math.min(left, MESSAGES_PER_WRITE), MESSAGES);
      if (this.#dueMs[to - 1] !== 0)
        throw new TooFarBehind('the server is too far behind the rate');
      this.#dueMs.fill(dueMs, from, to);
      this.#awaited += to - from;
      const { connection, inFlight } = this.#lanes[this.#nextLane]!;
      inFlight?.add(from, to);
      connection.write(this.#tape.subarray(this.#starts[from], this.#starts[to]));
      this.#nextLane = (this.#nextLane + 1) % this.#lanes.length;
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

  #answered(message: number): void {
    const dueMs = this.#dueMs[message]!;
    this.#dueMs[message] = 0;
    this.#awaited -= 1;
    if (this.#window === undefined || dueMs < this.#window.fromMs) return;
    this.#window.latencyUs.recordValue(microseconds(this.#readMs - dueMs));
  }
}

/** Clocks of two threads may differ by less than a microsecond. */
function microseconds(ms: number): number {
  return Math.max(0, Math.round(ms * 1_000));
}
