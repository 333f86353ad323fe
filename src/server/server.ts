/**
 * A whole server: starts its threads in order, watches them, stops them in order. On no command's
 * path.
 *
 * Start: probe the port, shards, I/O threads, then the first I/O thread listens (taking a free port
 * where port 0 was asked for) and the others join its port.
 * Stop: I/O threads drain (stop accepting, finish what is in flight, close with 1001) within
 * --drain-seconds, then shards stop after the turn in hand, then all threads end.
 */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/options.js';
import { shardCountOf } from '../config/shard-count.js';
import type { IoThreadOrder, IoThreadReport } from '../config/thread-plan.js';
import { clockFrom, systemClockSource, type Clock, type ClockSource } from '../core/clock.js';
import { assert } from '../core/errors.js';
import { Doorbell } from '../ring/doorbell.js';
import { readCounters, type ServerCounters } from './server-counters.js';
import { makePlans, type Plans } from './plans.js';
import { probePort, StartError } from './port-probe.js';
import { ServerThread, type ThreadDeath } from './thread.js';

/** How long an idle thread is given to end by itself before it is ended. */
const END_GRACE_MS = 2_000;
/** Beyond the drain's own deadline: for reports to arrive from busy threads. */
const DRAIN_GRACE_MS = 1_000;
/** A free port can be taken by another process between its choice and its use. */
const FREE_PORT_TRIES_MAX = 5;

export interface ServerOptions {
  readonly config: Config;
  /** The machine's clock unless given; tests give one they move by hand. */
  readonly clock?: ClockSource;
}

type Listening = Extract<IoThreadReport, { readonly type: 'listening' }>;

export async function startServer(options: ServerOptions): Promise<Server> {
  const { shards, ioThreads, host, port } = options.config;
  const cores = availableParallelism();
  const config: Config = Object.freeze({
    ...options.config,
    shards: shardCountOf({ shards, ioThreads, cores }),
  });
  const freePort = await probePort(host, port);
  const server = new Server(config, options.clock ?? systemClockSource());
  try {
    await server.listen(freePort);
  } catch (error) {
    await server.abandon();
    throw error;
  }
  return server;
}

export class Server {
  /** The settings in force, the shard count resolved. */
  readonly config: Config;
  /** Resolves, with the reason, if a thread ends unasked. The process should end then. */
  readonly failure: Promise<ThreadDeath>;
  readonly #clock: Clock;
  readonly #plans: Plans;
  readonly #shards: readonly ServerThread[];
  readonly #ioThreads: readonly ServerThread[];
  #listening: Listening | undefined;
  #stopped: Promise<void> | undefined;

  /** Call startServer instead. */
  constructor(config: Config, source: ClockSource) {
    this.config = config;
    this.#clock = clockFrom(source);
    this.#plans = makePlans({ config, clock: source, startedMs: this.#clock.nowMs() });
    let fail: (death: ThreadDeath) => void = () => undefined;
    this.failure = new Promise((resolve) => {
      fail = resolve;
    });
    this.#shards = this.#plans.shards.map((plan) => new ServerThread(plan, fail));
    this.#ioThreads = this.#plans.io.map((plan) => new ServerThread(plan, fail));
  }

  /** The port that the threads share; 0 before they listen. */
  get port(): number {
    return this.#listening?.port ?? 0;
  }

  /** The WebSocket server in use. */
  get transport(): 'uws' | 'ws' | undefined {
    return this.#listening?.transport;
  }

  /** Where a client on this machine reaches the server. */
  get url(): string {
    const { host } = this.config;
    if (host === '0.0.0.0') return `ws://127.0.0.1:${this.port}`;
    if (host === '::') return `ws://[::1]:${this.port}`;
    return `ws://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  /** The figures of every thread as they stand; each may be a moment old. */
  counters(): ServerCounters {
    return readCounters(this.#plans);
  }

  /** @param freePort a port that was free a moment ago: --port, or one in the place of port 0. */
  async listen(freePort: number): Promise<void> {
    const [first, ...others] = this.#ioThreads;
    assert(first !== undefined, 'there is an I/O thread');
    const isAlone = others.length === 0;
    // Sockets that share a port must name it: the native transport cannot share one of the kernel's
    // choice.
    let port = isAlone ? this.config.port : freePort;
    for (let triesLeft = FREE_PORT_TRIES_MAX - 1; ; triesLeft -= 1) {
      const report = await this.#order(first, { type: 'listen', port, isExclusive: isAlone });
      if (report.type === 'listening') {
        this.#listening = report;
        break;
      }
      if (this.config.port !== 0 || triesLeft === 0) throw this.#listenError(port, report);
      port = await probePort(this.config.host, 0);
    }
    for (const thread of others) {
      const report = await this.#order(thread, { type: 'listen', port, isExclusive: false });
      if (report.type !== 'listening') throw this.#listenError(port, report);
    }
  }

  #listenError(port: number, report: IoThreadReport): StartError {
    const reason = report.type === 'listen-failed' ? report.reason : report.type;
    return new StartError(`cannot listen at ${this.config.host} port ${port}: ${reason}`);
  }

  /** Stops in order, within --drain-seconds and a moment. Once; later calls wait for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder();
    return this.#stopped;
  }

  /** Ends all threads without finishing anything, but with sockets closed. */
  async abandon(): Promise<void> {
    // Ending a thread by force while it has native sockets open would abort the process.
    const order: IoThreadOrder = { type: 'drain', deadlineMs: this.#clock.nowMs() };
    for (const thread of this.#ioThreads) {
      thread.stopping();
      thread.order(order);
    }
    await this.#endThreads();
  }

  async #stopInOrder(): Promise<void> {
    const drainMs = this.config.drainSeconds * 1_000;
    const deadlineMs = this.#clock.nowMs() + drainMs;
    const drained = this.#ioThreads.map((thread) => {
      thread.stopping();
      return this.#order(thread, { type: 'drain', deadlineMs });
    });
    await withinMs(Promise.all(drained), drainMs + DRAIN_GRACE_MS);
    await this.#endThreads();
  }

  async #endThreads(): Promise<void> {
    const ends = [...this.#ioThreads, ...this.#shards].map((thread) => thread.ended(END_GRACE_MS));
    for (const plan of this.#plans.shards) {
      // The shard looks at the word after each turn; the bell ends its sleep.
      Atomics.store(new Int32Array(plan.stopWord), 0, 1);
      new Doorbell(plan.bell).ring();
    }
    await Promise.all(ends);
  }

  /** Gives an order and waits for the report that answers it, or for any thread to fail. */
  async #order(thread: ServerThread, order: IoThreadOrder): Promise<IoThreadReport> {
    const answers: readonly IoThreadReport['type'][] =
      order.type === 'listen' ? ['listening', 'listen-failed'] : ['drained'];
    const answer = new Promise<IoThreadReport>((resolve) => {
      thread.onReport((message) => {
        const report = message as IoThreadReport;
        if (answers.includes(report.type)) resolve(report);
      });
    });
    thread.order(order);
    const failed = this.failure.then((death): never => {
      throw death;
    });
    return await Promise.race([answer, failed]);
  }
}

/** Waits for a promise, but no longer than given; its rejection ends the wait, too. */
async function withinMs(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise.catch(() => undefined), timeout]);
  clearTimeout(timer);
}
