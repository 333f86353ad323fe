/**
 * The closed loop. Each connection keeps a fixed number of messages in flight: what is answered is
 * sent again at once, and what one read answers leaves in one write.
 */
import type { Histogram } from 'hdr-histogram-js';
import { Connection } from './connection.js';
import { newLatencyHistogram } from './latency.js';
import type { Protocol, ReplyReader } from './protocol.js';
import type { Tape } from './tape.js';
import { threadTimes, threadTimesBetween, type ThreadTime } from './thread-times.js';

/** How one connection is used. */
export interface LoadShape {
  readonly name: string;
  readonly messagesInFlight: number;
  readonly commandsPerMessage: number;
}

/** Those in which the servers are compared. */
export const SHAPES: readonly LoadShape[] = [
  { name: '1 in flight', messagesInFlight: 1, commandsPerMessage: 1 },
  { name: '16 in flight', messagesInFlight: 16, commandsPerMessage: 1 },
  { name: '16 per frame', messagesInFlight: 1, commandsPerMessage: 16 },
  { name: '64 per frame', messagesInFlight: 1, commandsPerMessage: 64 },
];

export interface WindowOptions {
  readonly warmSeconds: number;
  readonly seconds: number;
  /** Ends the window instead of `seconds`. */
  readonly until?: Promise<unknown>;
  /** Process whose threads' CPU time is read at both ends of the window; undefined: none. */
  readonly pid: number | undefined;
}

export interface WindowResult {
  readonly commands: number;
  readonly seconds: number;
  readonly failures: number;
  readonly threads: readonly ThreadTime[];
  /** CPU time of the generator itself. */
  readonly ownCpuUs: number;
  /** Microseconds from a message to its last reply; empty unless one message is in flight. */
  readonly latencyUs: Histogram;
}

const DRAIN_MS_MAX = 10_000;

export class Load {
  readonly #protocol: Protocol;
  readonly #lanes: Lane[] = [];
  readonly #lost: Promise<never>;
  #reject: (error: Error) => void = () => undefined;

  static async open(port: number, protocol: Protocol, connections: number): Promise<Load> {
    const load = new Load(protocol);
    for (let count = 0; count < connections; count += 1) await load.#add(port);
    return load;
  }

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
    this.#lost = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Noticed at the next run(); until then it must not count as unhandled.
    this.#lost.catch(() => undefined);
  }

  /** Runs the loop through a warm-up and one measured window, then lets it run dry. */
  async run(shape: LoadShape, tape: Tape, window: WindowOptions): Promise<WindowResult> {
    const latencyUs = newLatencyHistogram();
    for (const lane of this.#lanes) lane.start(shape, tape);
    await this.#orLost(delay(window.warmSeconds * 1_000));

    for (const lane of this.#lanes) lane.count(latencyUs);
    const threadsBefore = window.pid === undefined ? [] : threadTimes(window.pid);
    const ownBefore = process.cpuUsage();
    const startedMs = performance.now();
    await this.#orLost(window.until ?? delay(window.seconds * 1_000));

    const seconds = (performance.now() - startedMs) / 1_000;
    const own = process.cpuUsage(ownBefore);
    const threadsAfter = window.pid === undefined ? [] : threadTimes(window.pid);
    const commands = sum(this.#lanes, (lane) => lane.replies);
    for (const lane of this.#lanes) lane.stop();
    await this.#orLost(this.#drained());
    return {
      commands,
      seconds,
      failures: sum(this.#lanes, (lane) => lane.takeFailures()),
      threads: threadTimesBetween(threadsBefore, threadsAfter),
      ownCpuUs: own.user + own.system,
      latencyUs,
    };
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }

  async #add(port: number): Promise<void> {
    const lane = new Lane(this.#protocol.replyReader());
    lane.connection = await Connection.open({
      port,
      protocol: this.#protocol,
      onBytes: (bytes, end) => lane.read(bytes, end),
      onLost: this.#reject,
    });
    this.#lanes.push(lane);
  }

  #orLost<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#lost]);
  }

  async #drained(): Promise<void> {
    const giveUpMs = performance.now() + DRAIN_MS_MAX;
    while (this.#lanes.some((lane) => lane.awaited > 0)) {
      if (performance.now() > giveUpMs) throw new Error('replies are missing after the load');
      await delay(1);
    }
  }
}

/** One connection in the loop. */
class Lane {
  connection: Connection | undefined;
  /** Replies since count(). */
  replies = 0;
  /** Replies that are still to come. */
  awaited = 0;
  readonly #reader: ReplyReader;
  #failuresTaken = 0;
  #tape: Tape | undefined;
  #at = 0;
  #perMessage = 1;
  /** Replies that have come, but not yet enough of them to send a message for. */
  #answered = 0;
  #latencyUs: Histogram | undefined;
  #isTimed = false;
  #sentMs = 0;

  constructor(reader: ReplyReader) {
    this.#reader = reader;
  }

  start(shape: LoadShape, tape: Tape): void {
    this.#tape = tape;
    this.#perMessage = shape.commandsPerMessage;
    this.#isTimed = shape.messagesInFlight === 1;
    this.#latencyUs = undefined;
    this.#answered = 0;
    this.#at = Math.floor(Math.random() * tape.messages);
    this.#send(shape.messagesInFlight);
  }

  count(latencyUs: Histogram): void {
    this.replies = 0;
    this.#latencyUs = this.#isTimed ? latencyUs : undefined;
  }

  stop(): void {
    this.#tape = undefined;
    this.#latencyUs = undefined;
  }

  takeFailures(): number {
    const failures = this.#reader.failures - this.#failuresTaken;
    this.#failuresTaken = this.#reader.failures;
    return failures;
  }

  close(): void {
    this.connection?.close();
  }

  read(bytes: Buffer, end: number): void {
    const replies = this.#reader.read(bytes, end);
    this.replies += replies;
    this.awaited -= replies;
    this.#answered += replies;
    if (this.#answered < this.#perMessage) return;
    const messages = Math.floor(this.#answered / this.#perMessage);
    this.#answered -= messages * this.#perMessage;
    if (this.#latencyUs !== undefined) {
      this.#latencyUs.recordValue(Math.round((performance.now() - this.#sentMs) * 1_000));
    }
    if (this.#tape !== undefined) this.#send(messages);
  }

  #send(messages: number): void {
    const tape = this.#tape!;
    if (this.#at + messages > tape.messages) this.#at = 0;
    this.awaited += messages * this.#perMessage;
    if (this.#isTimed) this.#sentMs = performance.now();
    this.connection!.write(tape.view(this.#at, messages));
    this.#at += messages;
  }
}

function sum<T>(items: readonly T[], valueOf: (item: T) => number): number {
  return items.reduce((total, item) => total + valueOf(item), 0);
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
