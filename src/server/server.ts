/**
 * A whole server: starts its threads in order, watches them, stops them in order. On no command's
 * path.
 *
 * Start: probe the port, open the data directory, shards, I/O threads; when every shard has recovered
 * what it keeps, the first I/O thread listens (taking a free port where port 0 was asked for) and
 * the others join its port.
 * Stop: I/O threads drain (stop accepting, finish what is in flight, close with 1001) within
 * --drain-seconds, then shards stop after the turn in hand, then all threads end, then the log is
 * synced and the data directory given up.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Config } from '../config/options.js';
import { threadCountsOf } from '../config/thread-counts.js';
import type { IoThreadOrder, IoThreadReport } from '../config/thread-plan.js';
import { canSharePort } from '../config/transport-choice.js';
import { readUsers, type User } from '../config/users.js';
import { clockFrom, systemClockSource, type Clock, type ClockSource } from '../core/clock.js';
import { assert } from '../core/errors.js';
import { Doorbell } from '../ring/doorbell.js';
import { type DataDirectory, openDataDirectory } from '../storage/data-directory.js';
import { NodeFiles } from '../storage/files.js';
import { readHostFacts } from '../storage/host-facts.js';
import { serveMainCalls } from './main-calls.js';
import { Persistence } from './persistence.js';
import { makePlans, type Plans } from './plans.js';
import { probePort, StartError } from './port-probe.js';
import type { RecoveryFigures } from './recovery-wait.js';
import { readCounters, type ServerCounters } from './server-counters.js';
import { NO_LOG, type ServerLog } from './server-log.js';
import { ServerThread } from './thread.js';
import { logTokenReuses } from './token-reuse-lines.js';

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
  readonly log?: ServerLog;
  /** Gives up the start, which may take long where there is much to load. */
  readonly signal?: AbortSignal;
}

type Listening = Extract<IoThreadReport, { readonly type: 'listening' }>;

/**
 * Rejects with StartError or StorageError, of one line, for what the operator can change; with
 * ConfigError for the file of users.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { shards, ioThreads, transport, host, port } = options.config;
  const cores = availableParallelism();
  const config: Config = Object.freeze({
    ...options.config,
    ...threadCountsOf({ shards, ioThreads, cores, canSharePort: canSharePort(transport) }),
  });
  const source = options.clock ?? systemClockSource();
  const log = options.log ?? NO_LOG;
  const users = usersOf(config, log);
  const freePort = await probePort(host, port);
  const directory = openDirectory(config, source, log);
  const server = new Server({ config, source, log, directory, users });
  try {
    await server.start(freePort, options.signal);
  } catch (error) {
    await server.abandon();
    throw error;
  }
  return server;
}

/** Undefined where everyone may do everything. */
function usersOf(config: Config, log: ServerLog): readonly User[] | undefined {
  if (config.users === '') return undefined;
  const { users, warning } = readUsers(resolve(config.users));
  if (warning !== undefined) log.warn(warning);
  return users;
}

function openDirectory(
  config: Config,
  source: ClockSource,
  log: ServerLog,
): DataDirectory | undefined {
  if (config.memory) {
    if (config.loadName === '') return undefined;
    throw new StartError('--load-name needs a data directory, and --memory keeps none');
  }
  const directory = openDataDirectory({
    files: new NodeFiles(),
    path: resolve(config.dataDir),
    host: readHostFacts(),
    shards: config.shards,
    nowMs: clockFrom(source).nowMs(),
  });
  for (const line of directory.lines) log.info(`${directory.path}: ${line}`);
  return directory;
}

export class Server {
  /** The settings in force, the counts of threads resolved. */
  readonly config: Config;
  /** Resolves, with the reason, if the server cannot go on. The process should end then. */
  readonly failure: Promise<Error>;
  readonly #clock: Clock;
  readonly #plans: Plans;
  readonly #shards: readonly ServerThread[];
  readonly #ioThreads: readonly ServerThread[];
  /** Undefined with --memory. */
  readonly #persistence: Persistence | undefined;
  #recovered: RecoveryFigures | undefined;
  #listening: Listening | undefined;
  #stopped: Promise<void> | undefined;

  /** Call startServer instead. */
  constructor(parts: {
    readonly config: Config;
    readonly source: ClockSource;
    readonly log: ServerLog;
    readonly directory: DataDirectory | undefined;
    readonly users: readonly User[] | undefined;
  }) {
    const { config, directory, log, source, users } = parts;
    this.config = config;
    this.#clock = clockFrom(source);
    const startedMs = this.#clock.nowMs();
    this.#plans = makePlans({ config, clock: source, startedMs, storage: directory, users });
    let fail: (reason: Error) => void = () => undefined;
    this.failure = new Promise((settle) => {
      fail = settle;
    });
    this.#shards = this.#plans.shards.map((plan) => new ServerThread(plan, fail));
    this.#ioThreads = this.#plans.io.map((plan) => new ServerThread(plan, fail));
    logTokenReuses([...this.#shards, ...this.#ioThreads], log, this.#clock);
    if (directory !== undefined) {
      const clock = this.#clock;
      const [plans, threads] = [this.#plans, this.#shards];
      const onLost = fail;
      this.#persistence = new Persistence({
        config,
        directory,
        plans,
        threads,
        clock,
        log,
        onLost,
      });
    }
    const persistence = this.#persistence;
    serveMainCalls(this.#ioThreads, {
      snapshot: persistence && (() => persistence.snapshots.answer()),
      saves: persistence?.saves,
      onError: ({ command }, error) => log.error(`${command} failed: ${String(error)}`),
    });
  }

  /** The data directory, as an absolute path; undefined with --memory. */
  get dataDirectory(): string | undefined {
    return this.#persistence?.path;
  }

  /** What the start found in the data directory. */
  get recovered(): RecoveryFigures | undefined {
    return this.#recovered;
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
  async start(freePort: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#persistence !== undefined) {
      const recovered = this.#persistence.recover();
      this.#recovered = await Promise.race([recovered, this.#failed(), aborted(signal)]);
    }
    await this.#listen(freePort);
  }

  async #listen(freePort: number): Promise<void> {
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
    await this.#persistence?.stopWork();
    await this.#endThreads();
    // What made the server give up is told already.
    await this.#persistence?.close().catch(() => undefined);
  }

  async #stopInOrder(): Promise<void> {
    const drainMs = this.config.drainSeconds * 1_000;
    const deadlineMs = this.#clock.nowMs() + drainMs;
    const drained = this.#ioThreads.map((thread) => {
      thread.stopping();
      return this.#order(thread, { type: 'drain', deadlineMs });
    });
    await withinMs(Promise.all(drained), drainMs + DRAIN_GRACE_MS);
    await this.#persistence?.stopWork();
    await this.#endThreads();
    await this.#persistence?.close();
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
    return await Promise.race([answer, this.#failed()]);
  }

  async #failed(): Promise<never> {
    throw await this.failure;
  }
}

/** Rejects once the start is given up; never resolves. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(new StartError('the start was given up'));
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
  });
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
