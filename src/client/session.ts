/** One session, known by its token: its data, and its life. */
import type { BodyOf, ResultOf } from '../protocol/catalogue.js';
import type { Expiry } from '../protocol/value-types.js';
import { planOf } from './command-plan.js';
import { DataMap } from './data-map.js';
import type { Pipeline } from './pipeline.js';

const END = planOf('SH_END');
const INFO = planOf('SH_INFO');
const TOUCH = planOf('SH_TOUCH');
const EXPIRE = planOf('SH_EXPIRE');

const nothing = (): void => undefined;
const described = (result: SessionDescription): SessionDescription => result;
const secondsLeft = (result: { readonly remaining?: number }): number | undefined =>
  result.remaining;

/** What info() tells of a session. Times in seconds. */
export type SessionDescription = ResultOf<'SH_INFO'>;

/** What is known of a session when it is opened. */
export interface SessionOrigin {
  readonly token: string;
  readonly tokenBytes: Uint8Array;
  readonly id: string | undefined;
  readonly isNew: boolean;
}

export class Session<Shape extends object = Record<string, unknown>> extends DataMap<Shape> {
  /** Whoever holds it may use the session: keep it out of logs. */
  readonly token: string;
  /** The public handle, which opens nothing; undefined for client.session(token). */
  readonly id: string | undefined;
  /** Whether the call that gave this object started the session. */
  readonly isNew: boolean;
  readonly #pipeline: Pipeline;
  readonly #tokenBytes: Uint8Array;

  constructor(pipeline: Pipeline, origin: SessionOrigin) {
    super(pipeline, origin.tokenBytes);
    this.#pipeline = pipeline;
    this.#tokenBytes = origin.tokenBytes;
    this.id = origin.id;
    this.isNew = origin.isNew;
    // Not enumerable: printing a session does not print its token.
    this.token = origin.token;
    Object.defineProperty(this, 'token', { enumerable: false });
  }

  /** Ends the session and removes its data. */
  end(): Promise<void> {
    return this.#pipeline.submit(END, this.#tokenBytes, {}, nothing);
  }

  /** Describes the session; extends nothing. */
  info(): Promise<SessionDescription> {
    return this.#pipeline.submit(INFO, this.#tokenBytes, {}, described);
  }

  /** Restarts the idle clock; seconds until the deadline, undefined if there is none. */
  touch(): Promise<number | undefined> {
    return this.#pipeline.submit(TOUCH, this.#tokenBytes, {}, secondsLeft);
  }

  /** Replaces the expiry, or removes it with null; seconds until the deadline. */
  expire(expiry: Expiry | null): Promise<number | undefined> {
    const body: BodyOf<'SH_EXPIRE'> = { expiry };
    return this.#pipeline.submit(EXPIRE, this.#tokenBytes, body, secondsLeft);
  }
}
