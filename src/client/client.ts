/** The SDK's door: one connection to a server, shared by any number of sessions. */
import type { BodyOf, ResultOf } from '../protocol/catalogue.js';
import { tokenFromText } from '../protocol/token.js';
import { planOf, type CommandPlan, type RowOf, type WireName } from './command-plan.js';
import type { Stored } from './data-map.js';
import { DefaultMap } from './default-map.js';
import { MalformedReplyError } from './errors.js';
import { resolveOptions, type ClientOptions, type ResolvedOptions } from './options.js';
import { Pipeline } from './pipeline.js';
import { Session } from './session.js';

const NEW = planOf('SH_NEW');
const OPEN = planOf('SH_OPEN');
const END_ALL = planOf('SH_END_ALL');
const EXISTS = planOf('SH_EXISTS');
const INFO_ALL = planOf('SH_INFO_ALL');
const SAVE = planOf('SH_SAVE');
const LOAD = planOf('SH_LOAD');
const SERVER_INFO = planOf('SV_INFO');
const PING = planOf('SV_PING');
const SNAPSHOT = planOf('SV_SNAPSHOT');

type WithKeys<Body, Shape extends object> = Omit<Body, 'keys'> & {
  /** Stored in the same step. */
  readonly keys?: Stored<Shape>;
};

export type NewSessionOptions<Shape extends object> = WithKeys<BodyOf<'SH_NEW'>, Shape>;
export type OpenSessionOptions<Shape extends object> = WithKeys<
  Omit<BodyOf<'SH_OPEN'>, 'name'>,
  Shape
>;

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
  return new Client(pipeline, resolved);
}

export class Client {
  /** The map that every server has: needs no token and never expires. */
  readonly defaultMap: DefaultMap;
  readonly #pipeline: Pipeline;
  readonly #timeoutMs: number;

  constructor(pipeline: Pipeline, options: Pick<ResolvedOptions, 'timeoutMs'>) {
    this.#pipeline = pipeline;
    this.#timeoutMs = options.timeoutMs;
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
    const tokenBytes = typeof token === 'string' ? tokenFromText(token) : undefined;
    if (tokenBytes === undefined) {
      throw new TypeError('a token is a text of 32 base64url characters');
    }
    return new Session(this.#pipeline, { token, tokenBytes, id: undefined, isNew: false });
  }

  /** Ends every session on the server; how many there were. The default map stays. */
  endAll(): Promise<number> {
    return this.#pipeline.submit(END_ALL, undefined, {}, (result) => result.cnt);
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

  serverInfo(): Promise<ResultOf<'SV_INFO'>> {
    return this.#pipeline.submit(SERVER_INFO, undefined, {}, unchanged);
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
    const tokenBytes = token === undefined ? undefined : tokenFromText(token);
    if (token !== undefined && tokenBytes === undefined) {
      return Promise.reject(new TypeError('a token is a text of 32 base64url characters'));
    }
    return this.#pipeline.submit(planOf(name), tokenBytes, body, unchanged);
  }

  /**
   * Takes no more commands, waits for the replies to those given before, at most `waitMs` (by
   * default the command time-out), and closes the connection.
   */
  close(waitMs: number = this.#timeoutMs): Promise<void> {
    return this.#pipeline.close(waitMs);
  }

  #sessionFrom<Shape extends object>(token: string, id: string, isNew: boolean): Session<Shape> {
    const tokenBytes = tokenFromText(token);
    if (tokenBytes === undefined)
      throw new MalformedReplyError('a reply holds a token that is none');
    return new Session(this.#pipeline, { token, tokenBytes, id, isNew });
  }
}

function requireWebSocketUrl(url: string): void {
  if (typeof url === 'string' && URL.canParse(url) && /^wss?:/i.test(url)) return;
  throw new TypeError('the URL must begin with ws:// or wss://');
}

/** The TypeError for an option that the command does not have; a misspelt one would be lost. */
function unknownOptionOf(plan: CommandPlan, options: object): TypeError | undefined {
  const known = plan.parameters.map(({ name }) => name);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return new TypeError(
    `there is no option ${JSON.stringify(unknown)}; there are ${known.join(', ')}`,
  );
}
