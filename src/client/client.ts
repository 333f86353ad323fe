/** The SDK's door: one connection to a server, shared by any number of sessions. */
import type { BodyOf, ResultOf } from '../protocol/catalogue.js';
import type { ListedSession } from '../protocol/value-types.js';
import { planOf, type CommandPlan, type RowOf, type WireName } from './command-plan.js';
import { currentTokenFromText } from './current-token.js';
import { DefaultMap } from './default-map.js';
import { MalformedReplyError } from './errors.js';
import { optionsProblem } from './options-problem.js';
import { resolveOptions, type ClientOptions, type ResolvedOptions } from './options.js';
import { Pipeline } from './pipeline.js';
import { ServerEvents, type EventsOptions, type ServerEvent } from './server-events.js';
import { Session } from './session.js';
import type { Stored } from './shapes.js';
import { Watches } from './watches.js';

const NEW = planOf('SH_NEW');
const OPEN = planOf('SH_OPEN');
const END_ALL = planOf('SH_END_ALL');
const END_ID = planOf('SH_END_ID');
const LIST = planOf('SH_LIST');
const EXISTS = planOf('SH_EXISTS');
const INFO_ALL = planOf('SH_INFO_ALL');
const SAVE = planOf('SH_SAVE');
const LOAD = planOf('SH_LOAD');
const SERVER_INFO = planOf('SV_INFO');
const PING = planOf('SV_PING');
const STATS = planOf('SV_STATS');
const SNAPSHOT = planOf('SV_SNAPSHOT');

const EVENTS_OPTIONS = ['from', 'kinds', 'maxBuffered'] as const;
const TOKEN_FORM = 'a token is a text of 32 base64url characters';

/** What a session starts with. */
export type NewSessionOptions<Shape extends object> = {
  readonly [Name in keyof Omit<BodyOf<'SH_NEW'>, 'keys'>]: BodyOf<'SH_NEW'>[Name] | undefined;
} & {
  /** Stored in the same step. */
  readonly keys?: Stored<Shape> | undefined;
};

/** Whether to start the session if there is none, and with what. */
export type OpenSessionOptions<Shape extends object> = {
  readonly [Name in keyof Omit<BodyOf<'SH_OPEN'>, 'name' | 'keys'>]:
    BodyOf<'SH_OPEN'>[Name] | undefined;
} & {
  /** Stored in the same step. */
  readonly keys?: Stored<Shape> | undefined;
};

const nothing = (): void => undefined;
const unchanged = <Result>(result: Result): Result => result;

/**
 * Connects to a server. Rejects with ConnectError if it cannot be reached; once connected, the
 * client reconnects by itself.
 *
 * @param url ws:// or wss://
 */
export async function connect(url: string, options: ClientOptions = {}): Promise<Client> {
  requireWebSocketUrl(url);
  const resolved = resolveOptions(options);
  const pipeline = new Pipeline(url, resolved);
  await pipeline.connect();
  const client = new Client(pipeline, resolved);
  if (resolved.auth === undefined) return client;
  try {
    await client.auth(resolved.auth.user, resolved.auth.secret);
  } catch (error) {
    await client.close(0);
    throw error;
  }
  return client;
}

/** A connection to a server, made by {@link connect}. */
export class Client {
  /** The map that every server has: needs no token and never expires. */
  readonly defaultMap: DefaultMap;
  readonly #pipeline: Pipeline;
  readonly #timeoutMs: number;
  readonly #watches: Watches;
  readonly #events: ServerEvents;

  /** @internal */
  constructor(pipeline: Pipeline, options: Pick<ResolvedOptions, 'timeoutMs'>) {
    this.#pipeline = pipeline;
    this.#timeoutMs = options.timeoutMs;
    this.#watches = new Watches(pipeline);
    this.#events = new ServerEvents(pipeline);
    this.defaultMap = new DefaultMap(pipeline);
  }

  // NoInfer: the first keys are rarely all that a session will hold, so they do not say its shape.

  /** Starts a session. Rejects with NameTakenError if it is shared and the name is in use. */
  newSession<Shape extends object = Record<string, unknown>>(
    options: NewSessionOptions<NoInfer<Shape>> = {},
  ): Promise<Session<Shape>> {
    const problem = unknownOptionOf(NEW, options);
    if (problem !== undefined) return Promise.reject(problem);
    const body = options as BodyOf<'SH_NEW'>;
    return this.#pipeline.submit(NEW, undefined, body, (result) =>
      this.#sessionFrom<Shape>(result.tkn, result.id, true),
    );
  }

  /**
   * Opens the shared session of a name; with `create`, starts it if there is none, and only then
   * do `expiry` and `keys` apply. Rejects with SharedSessionNotFoundError if there is none.
   */
  openSession<Shape extends object = Record<string, unknown>>(
    name: string,
    options: OpenSessionOptions<NoInfer<Shape>> = {},
  ): Promise<Session<Shape>> {
    const body = { ...options, name } as BodyOf<'SH_OPEN'>;
    const problem = unknownOptionOf(OPEN, body);
    if (problem !== undefined) return Promise.reject(problem);
    return this.#pipeline.submit(OPEN, undefined, body, (result) =>
      this.#sessionFrom<Shape>(result.tkn, result.id, result.created),
    );
  }

  /** The session of a token, live or not: nothing is sent. Throws a TypeError for other text. */
  session<Shape extends object = Record<string, unknown>>(token: string): Session<Shape> {
    const current = currentTokenFromText(token);
    if (current === undefined) throw new TypeError(TOKEN_FORM);
    return new Session(this.#pipeline, this.#watches, { token: current, isNew: false });
  }

  /**
   * Ends every session on the server, or with `owner` every session of that owner, but for the one
   * whose token is `except`; how many there were. The default map stays.
   */
  endAll(options: BodyOf<'SH_END_ALL'> = {}): Promise<number> {
    const problem = unknownOptionOf(END_ALL, options);
    if (problem !== undefined) return Promise.reject(problem);
    for (const [name, value] of Object.entries(options)) {
      // To leave it out would end far more than was meant.
      if (value === undefined) return Promise.reject(new TypeError(`${name} is undefined`));
    }
    return this.#pipeline.submit(END_ALL, undefined, options, (result) => result.cnt);
  }

  /** The sessions of an owner, without their tokens, in no particular order. */
  list(owner: string): Promise<readonly ListedSession[]> {
    return this.#pipeline.submit(LIST, undefined, { owner }, (result) => result.sessions);
  }

  /**
   * Ends one of the sessions of an owner by its public id, which list() tells. Rejects with
   * SessionNotFoundError if the owner has no such session.
   */
  endId(owner: string, id: string): Promise<void> {
    return this.#pipeline.submit(END_ID, undefined, { id, owner }, nothing);
  }

  /** Those of the tokens whose session lives, in the order asked. Extends nothing. */
  exists(tokens: readonly string[]): Promise<readonly string[]> {
    const tkns = Array.isArray(tokens) ? tokens.slice() : tokens;
    return this.#pipeline.submit(EXISTS, undefined, { tkns }, (result) => result.exist);
  }

  /** Counts all sessions and their keys. */
  infoAll(): Promise<ResultOf<'SH_INFO_ALL'>> {
    return this.#pipeline.submit(INFO_ALL, undefined, {}, unchanged);
  }

  /**
   * Saves all sessions, or those of some tokens, as a new set under a name (1 to 128 of letters,
   * digits, `-`, `_` and `.`, no leading dot). Tokens without a session are skipped.
   */
  save(name: string, tokens?: readonly string[]): Promise<ResultOf<'SH_SAVE'>> {
    const tkns = Array.isArray(tokens) ? tokens.slice() : tokens;
    const body: BodyOf<'SH_SAVE'> = tkns === undefined ? { name } : { name, tkns };
    return this.#pipeline.submit(SAVE, undefined, body, unchanged);
  }

  /**
   * Loads the newest set of sessions of a name; how many came back. Sessions that live already are
   * left alone, and those whose time is up by now stay dead. Rejects with LoadFailedError.
   */
  load(name: string): Promise<ResultOf<'SH_LOAD'>> {
    return this.#pipeline.submit(LOAD, undefined, { name }, unchanged);
  }

  /** Writes a snapshot of all that is stored, so that the server can drop older parts of its log. */
  snapshot(): Promise<ResultOf<'SV_SNAPSHOT'>> {
    return this.#pipeline.submit(SNAPSHOT, undefined, {}, unchanged);
  }

  /** Describes the server. */
  serverInfo(): Promise<ResultOf<'SV_INFO'>> {
    return this.#pipeline.submit(SERVER_INFO, undefined, {}, unchanged);
  }

  /** The figures that the server's threads keep: one map of names and numbers for each. */
  stats(): Promise<ResultOf<'SV_STATS'>> {
    return this.#pipeline.submit(STATS, undefined, {}, unchanged);
  }

  /**
   * Says who uses this client; what they may do. Said again on each new connection. Rejects with
   * UnauthenticatedError. See also the option `auth` of connect().
   */
  auth(user: string, secret: string): Promise<ResultOf<'SV_AUTH'>> {
    return this.#pipeline.authenticate({ secret, user });
  }

  /**
   * What happens to sessions, all over the server, in the order of `seq`.
   *
   * ```ts
   * for await (const event of client.events({ kinds: ['expired', 'ended'] })) save(event.seq);
   * ```
   *
   * The feed begins at this call. After a lost connection it goes on where it was, as far as the
   * server still has the events; a `gap` says what is missing. A client has one feed: another call
   * ends the one before. For its other ends and errors see session.watch().
   */
  events(options: EventsOptions = {}): AsyncIterableIterator<ServerEvent> {
    const problem = optionsProblem(options, EVENTS_OPTIONS);
    if (problem !== undefined) throw problem;
    return this.#events.open(options);
  }

  /** Resolves when the server has answered. */
  ping(): Promise<void> {
    return this.#pipeline.submit(PING, undefined, {}, nothing);
  }

  /** Any command by its name in the catalogue, for tools; the methods above read better. */
  call<Name extends WireName>(
    name: Name,
    body: BodyOf<RowOf<Name>>,
    token?: string,
  ): Promise<ResultOf<RowOf<Name>>> {
    const current = token === undefined ? undefined : currentTokenFromText(token);
    if (token !== undefined && current === undefined) {
      return Promise.reject(new TypeError(TOKEN_FORM));
    }
    return this.#pipeline.submit(planOf(name), current, body, unchanged);
  }

  /**
   * Takes no more commands, waits for the replies to those given before, at most `waitMs` (by
   * default the command time-out), and closes the connection.
   */
  close(waitMs: number = this.#timeoutMs): Promise<void> {
    return this.#pipeline.close(waitMs);
  }

  #sessionFrom<Shape extends object>(token: string, id: string, isNew: boolean): Session<Shape> {
    const current = currentTokenFromText(token);
    if (current === undefined) throw new MalformedReplyError('a reply holds a token that is none');
    current.id = id;
    return new Session(this.#pipeline, this.#watches, { token: current, isNew });
  }
}

function requireWebSocketUrl(url: string): void {
  if (typeof url === 'string' && URL.canParse(url) && /^wss?:/i.test(url)) return;
  throw new TypeError('the URL must begin with ws:// or wss://');
}

function unknownOptionOf(plan: CommandPlan, options: object): TypeError | undefined {
  const known = plan.parameters.map(({ name }) => name);
  return optionsProblem(options, known);
}
