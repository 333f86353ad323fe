/** One session, known by its token: its data, and its life. */
import type { BodyOf, ResultOf } from '../protocol/catalogue.js';
import type { Expiry } from '../protocol/value-types.js';
import { planOf } from './command-plan.js';
import type { Change, WatchOptions } from './changes.js';
import type { CurrentToken } from './current-token.js';
import { DataMap } from './data-map.js';
import { MalformedReplyError } from './errors.js';
import { optionsProblem } from './options-problem.js';
import type { Pipeline } from './pipeline.js';
import { tokenBytesOf } from './token-text.js';
import type { Watches } from './watches.js';

const END = planOf('SH_END');
const INFO = planOf('SH_INFO');
const TOUCH = planOf('SH_TOUCH');
const EXPIRE = planOf('SH_EXPIRE');
const ROTATE = planOf('SH_ROTATE');
const SET_OWNER = planOf('SH_SET_OWNER');

const ROTATE_OPTIONS = ['grace'] as const;
const WATCH_OPTIONS = ['maxBuffered'] as const;

const nothing = (): void => undefined;
const described = (result: SessionDescription): SessionDescription => result;
const secondsLeft = (result: { readonly remaining?: number }): number | undefined =>
  result.remaining;

/** What info() tells of a session. Times in seconds. */
export type SessionDescription = ResultOf<'SH_INFO'>;

/** How session.rotate() rotates. */
export interface RotateOptions {
  /** Seconds for which the old token still reaches the session. Default 0: not at all. */
  readonly grace?: number | undefined;
}

/** What is known of a session when it is opened. */
export interface SessionOrigin {
  readonly token: CurrentToken;
  readonly isNew: boolean;
}

/** A session, known by its token. Holding an object of this class costs the server nothing. */
export class Session<Shape extends object = Record<string, unknown>> extends DataMap<Shape> {
  /** Whether the call that gave this object started the session. */
  readonly isNew: boolean;
  readonly #pipeline: Pipeline;
  readonly #watches: Watches;
  readonly #token: CurrentToken;

  /** @internal */
  constructor(pipeline: Pipeline, watches: Watches, origin: SessionOrigin) {
    super(pipeline, origin.token);
    this.#pipeline = pipeline;
    this.#watches = watches;
    this.#token = origin.token;
    this.isNew = origin.isNew;
  }

  // Accessors of the class: printing a session does not print its token.

  /** Whoever holds it may use the session: keep it out of logs. rotate() replaces it. */
  get token(): string {
    return this.#token.text;
  }

  /**
   * The public handle, which opens nothing; undefined for client.session(token), until rotate()
   * replaces it.
   */
  get id(): string | undefined {
    return this.#token.id;
  }

  /** Ends the session and removes its data. */
  end(): Promise<void> {
    return this.#pipeline.submit(END, this.#token, {}, nothing);
  }

  /** Describes the session; extends nothing. */
  info(): Promise<SessionDescription> {
    return this.#pipeline.submit(INFO, this.#token, {}, described);
  }

  /** Restarts the idle clock; seconds until the deadline, undefined if there is none. */
  touch(): Promise<number | undefined> {
    return this.#pipeline.submit(TOUCH, this.#token, {}, secondsLeft);
  }

  /** Replaces the expiry, or removes it with null; seconds until the deadline. */
  expire(expiry: Expiry | null): Promise<number | undefined> {
    const body: BodyOf<'SH_EXPIRE'> = { expiry };
    return this.#pipeline.submit(EXPIRE, this.#token, body, secondsLeft);
  }

  /**
   * Gives the session a new token, which this object uses from here on: commands given later, even
   * before the promise resolves, go out with it. Data, expiry and watches stay. The old token, after
   * its grace, rejects with TokenReusedError as long as the session lives. Other Session objects of
   * the old token are not told.
   *
   * Without a grace, a connection lost at this moment may take the new token along, and nobody can
   * reach the session then. With one, just rotate again.
   *
   * @returns the new token.
   */
  rotate(options: RotateOptions = {}): Promise<string> {
    const problem = optionsProblem(options, ROTATE_OPTIONS);
    if (problem !== undefined) return Promise.reject(problem);
    const token = this.#token;
    const { grace } = options;
    const body: BodyOf<'SH_ROTATE'> = grace === undefined ? {} : { grace };
    return this.#pipeline.submit(ROTATE, token, body, ({ tkn, id }) => {
      const bytes = tokenBytesOf(tkn);
      if (bytes === undefined) throw new MalformedReplyError('a reply holds a token that is none');
      const oldText = token.text;
      token.replace(tkn, bytes, id);
      this.#watches.tokenReplaced(oldText, token);
      return tkn;
    });
  }

  /** Says whose session it is, null: nobody's. Rejects with OwnerLimitError. */
  setOwner(owner: string | null): Promise<void> {
    return this.#pipeline.submit(SET_OWNER, this.#token, { owner }, nothing);
  }

  /**
   * The changes of the session from now on, whoever makes them, in their order.
   *
   * ```ts
   * for await (const change of session.watch()) {
   *   if (change.event === 'set') show(change.keys);
   * }
   * ```
   *
   * The watch begins at this call, not at the first turn of the loop: what is read after it is not
   * older than its first change. The loop ends after the last change, which is `ended`, `expired` or
   * `unwatched`, or when the client is closed. `break` ends the watch. It throws what a command
   * would reject with, FeedOverflowError if it falls behind, and ConnectError if reconnecting was
   * given up. After a lost connection comes `resumed`: changes may be missing there.
   */
  watch(options: WatchOptions = {}): AsyncIterableIterator<Change<Shape>> {
    const problem = optionsProblem(options, WATCH_OPTIONS);
    if (problem !== undefined) throw problem;
    const reader = this.#watches.watch(this.#token, options.maxBuffered);
    return reader as AsyncIterableIterator<Change<Shape>>;
  }

  /** Ends all watches of this session on this connection. */
  unwatch(): Promise<void> {
    return this.#watches.unwatch(this.#token);
  }
}
