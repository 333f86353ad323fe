/** What can be set when connecting, with defaults and checks. */

/** Timers, to be replaced in tests. A handle is whatever setTimeout gave. */
export interface Timers {
  /** Calls back once after so many milliseconds. */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Forgets the call; does nothing where it has happened. */
  clearTimeout(handle: unknown): void;
}

/** How a lost connection is made again. */
export interface ReconnectOptions {
  /** Upper bound of the first wait. Default 50. */
  readonly initialMs?: number;
  /** Upper bound of every wait. Default 5,000. */
  readonly maxMs?: number;
  /** Attempts in a row before the client gives up and closes. Default: no limit. */
  readonly attemptsMax?: number;
}

/** Who uses a client; for servers that want to know. */
export interface Credentials {
  /** Name of the user. */
  readonly user: string;
  /** The secret of the user. */
  readonly secret: string;
}

/** What can be set when connecting. */
export interface ClientOptions {
  /** Sent first on each connection; connect() rejects with UnauthenticatedError. See Client.auth. */
  readonly auth?: Credentials;
  /** Most that a command may take from the call on, reconnects and retries included. Default 10,000. */
  readonly timeoutMs?: number;
  /** Most that one attempt to connect may take. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** How a lost connection is made again; false: the client closes instead. */
  readonly reconnect?: ReconnectOptions | false;
  /**
   * Commands sent and unanswered at most; more wait in the client, in order. Default 1,000, a little
   * below what a server allows a connection by default (--max-in-flight 1024).
   */
  readonly maxInFlight?: number;
  /**
   * Commands that may wait in the client, for room or for a connection; one more is rejected with
   * QueueFullError. Default 1,000,000.
   */
  readonly maxWaiting?: number;
  /**
   * Bytes of one message at most; a single larger command travels alone. Default 1,044,480, a little
   * below what a server takes by default (--max-payload 1MiB).
   */
  readonly maxFrameBytes?: number;
  /** Called at each connection made, the first one included. */
  readonly onConnect?: () => void;
  /** Called at each connection lost, with the reason; not after close(). */
  readonly onDisconnect?: (reason: string) => void;
  /** Source of the jitter, from 0 up to but not 1. Default Math.random. */
  readonly random?: () => number;
  /** Default: those of the platform. */
  readonly timers?: Timers;
}

export interface ResolvedReconnect {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly attemptsMax: number;
}

export interface ResolvedOptions {
  readonly auth: Credentials | undefined;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly reconnect: ResolvedReconnect;
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly maxFrameBytes: number;
  readonly onConnect: () => void;
  readonly onDisconnect: (reason: string) => void;
  readonly random: () => number;
  readonly timers: Timers;
}

const TIMER_MS_MAX = 2 ** 31 - 1;
const IN_FLIGHT_MAX = 1_000_000;
const FRAME_BYTES_MIN = 64;
const FRAME_BYTES_MAX = 2 ** 30;
const FRAME_BYTES_DEFAULT = 1_024 * 1_024 - 4_096;

const PLATFORM_TIMERS: Timers = {
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

interface Range {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

function numberIn(name: string, value: unknown, range: Range): number {
  if (value === undefined) return range.default;
  if (typeof value === 'number' && value >= range.min && value <= range.max) return value;
  throw new TypeError(`${name} must be a number from ${range.min} to ${range.max}`);
}

function wholeNumberIn(name: string, value: unknown, range: Range): number {
  const number = numberIn(name, value, range);
  if (Number.isInteger(number) || number === Infinity) return number;
  throw new TypeError(`${name} must be a whole number`);
}

function functionOr<F>(name: string, value: F | undefined, fallback: F): F {
  if (value === undefined) return fallback;
  if (typeof value === 'function') return value;
  throw new TypeError(`${name} must be a function`);
}

function resolveReconnect(reconnect: ReconnectOptions | false | undefined): ResolvedReconnect {
  if (reconnect === false) return { initialMs: 0, maxMs: 0, attemptsMax: 0 };
  const { initialMs, maxMs, attemptsMax } = reconnect ?? {};
  const wait = { min: 0, max: TIMER_MS_MAX };
  return {
    initialMs: numberIn('reconnect.initialMs', initialMs, { default: 50, ...wait }),
    maxMs: numberIn('reconnect.maxMs', maxMs, { default: 5_000, ...wait }),
    attemptsMax: wholeNumberIn('reconnect.attemptsMax', attemptsMax, {
      default: Infinity,
      min: 0,
      max: Infinity,
    }),
  };
}

function resolveAuth(auth: Credentials | undefined): Credentials | undefined {
  if (auth === undefined) return undefined;
  const { user, secret } = auth;
  if (typeof user === 'string' && typeof secret === 'string') return { user, secret };
  throw new TypeError('auth must be an object of two strings, user and secret');
}

/** Fills in the defaults; throws a TypeError that names the option at fault. */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const ms = { min: 1, max: TIMER_MS_MAX };
  return {
    auth: resolveAuth(options.auth),
    timeoutMs: numberIn('timeoutMs', options.timeoutMs, { default: 10_000, ...ms }),
    connectTimeoutMs: numberIn('connectTimeoutMs', options.connectTimeoutMs, {
      default: 5_000,
      ...ms,
    }),
    reconnect: resolveReconnect(options.reconnect),
    maxInFlight: wholeNumberIn('maxInFlight', options.maxInFlight, {
      default: 1_000,
      min: 1,
      max: IN_FLIGHT_MAX,
    }),
    maxWaiting: wholeNumberIn('maxWaiting', options.maxWaiting, {
      default: 1_000_000,
      min: 0,
      max: Infinity,
    }),
    maxFrameBytes: wholeNumberIn('maxFrameBytes', options.maxFrameBytes, {
      default: FRAME_BYTES_DEFAULT,
      min: FRAME_BYTES_MIN,
      max: FRAME_BYTES_MAX,
    }),
    onConnect: functionOr('onConnect', options.onConnect, () => undefined),
    onDisconnect: functionOr('onDisconnect', options.onDisconnect, () => undefined),
    random: functionOr('random', options.random, Math.random),
    timers: options.timers ?? PLATFORM_TIMERS,
  };
}
