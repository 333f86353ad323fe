/**
 * One connection of the crash test and the sessions that only it uses. Commands go out in
 * pipelines; every reply is held against what the model allows. When the server is killed, what
 * was not answered may have happened up to any point: commands on one session run in the order
 * sent, so their effects survive as a prefix.
 */
import { decode, encode } from '@msgpack/msgpack';
import { WebSocket } from 'ws';
import { commandEntryOf } from '../../src/protocol/catalogue.js';
import { newPrivate, newShared, randomCommand } from './crash-commands.js';
import {
  type CrashCommand,
  type CrashReply,
  type CrashState,
  DEFAULT_MAP_STATE,
  distinct,
  NOT_THERE,
  outcomesOf,
  type Span,
  statesAfter,
  statesAt,
  statesByInfo,
} from './crash-model.js';
import type { Random } from './random.js';

const PRIVATE_SESSIONS = 30;
const SHARED_SESSIONS = 4;
const COMMANDS_PER_FRAME_MAX = 16;
const IN_FLIGHT_MAX = 48;
/** Ended sessions that are asked for again after every restart. */
const DEAD_TOKENS_KEPT = 300;

export interface CrashSession {
  readonly kind: 'private' | 'shared' | 'default map';
  /** For people, and for shared sessions on the wire. */
  readonly name: string;
  token: Uint8Array | undefined;
  states: readonly CrashState[];
  /** Not answered yet, in the order sent. */
  readonly sent: Sent[];
}

interface Sent {
  readonly session: CrashSession;
  readonly command: CrashCommand;
  readonly sentMs: number;
}

export interface LaneCounts {
  acknowledged: number;
  /** Commands without an answer at a kill. */
  unanswered: number;
  checked: number;
}

export class CrashLane {
  readonly deadTokens: Uint8Array[] = [];
  readonly counts: LaneCounts = { acknowledged: 0, unanswered: 0, checked: 0 };
  /** Called at every reply. */
  onReply: () => void = () => undefined;
  readonly #index: number;
  readonly #random: Random;
  readonly #sessions: CrashSession[] = [];
  /** Starts of private sessions that were never answered: nobody knows their tokens. */
  #ghosts: CrashState[][] = [];
  readonly #inFlight = new Map<number, Sent>();
  #socket: WebSocket | undefined;
  #isLoading = false;
  #id = 0;
  #names = 0;
  #onIdle: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  /** Rejects at the first reply that the model does not allow. */
  failed: Promise<never> = new Promise(() => undefined);

  constructor(index: number, random: Random) {
    this.#index = index;
    this.#random = random;
    for (let shared = 0; shared < SHARED_SESSIONS; shared += 1) {
      this.#sessions.push(newSession('shared', `shared-${index}-${shared}`, [NOT_THERE]));
    }
    // The default map has one order of commands only if one connection sends them.
    if (index === 0) {
      this.#sessions.push(newSession('default map', 'default map', [DEFAULT_MAP_STATE]));
    }
  }

  async connect(url: string): Promise<void> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    this.failed = new Promise((_, reject) => (this.#reject = reject));
    this.failed.catch(() => undefined);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('error', () => socket.terminate());
    socket.on('message', (bytes: Buffer) => {
      try {
        this.#receive(bytes);
      } catch (error) {
        this.#reject(error as Error);
      }
    });
    this.#socket = socket;
  }

  /** Sends random commands from now on, as many as may be in flight. */
  load(): void {
    this.#isLoading = true;
    this.#pump();
  }

  /** Sends nothing more; resolves when all is answered. */
  async drain(): Promise<void> {
    this.#isLoading = false;
    if (this.#inFlight.size === 0) return;
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.race([idle, this.failed]);
  }

  /** Reads every session and compares. Rejects if one is not what it may be. */
  async verify(): Promise<void> {
    for (const session of this.#sessions) {
      if (session.kind === 'default map') this.#sendFrame([[session, GET_ALL]]);
      else if (session.token !== undefined)
        this.#sendFrame([
          [session, INFO],
          [session, GET_ALL],
        ]);
      else if (session.kind === 'shared') this.#sendFrame([[session, openOf(session)]]);
      this.counts.checked += 1;
    }
    await this.drain();
    // Tokens of shared sessions that the server had opened without the client hearing of it.
    for (const session of this.#sessions) {
      if (session.kind !== 'shared' || session.token === undefined) continue;
      this.#sendFrame([
        [session, openOf(session)],
        [session, INFO],
        [session, GET_ALL],
      ]);
    }
    await this.drain();
  }

  /** After the connection is lost: what was not answered may have happened, or not. */
  settle(killedMs: number): void {
    this.#isLoading = false;
    this.#socket?.terminate();
    this.#socket = undefined;
    this.counts.unanswered += this.#inFlight.size;
    this.#inFlight.clear();
    for (const session of this.#sessions) {
      let last = session.states;
      const all = [...last];
      for (const { command, sentMs } of session.sent.splice(0)) {
        last = distinct(
          outcomesOf(last, command, { lo: sentMs, hi: killedMs }).map(({ state }) => state),
        );
        all.push(...last);
      }
      session.states = distinct(all);
    }
    const isGhost = (session: CrashSession): boolean =>
      session.kind === 'private' && session.token === undefined;
    this.#ghosts.push(...this.#sessions.filter(isGhost).map(({ states }) => [...states]));
    this.#remove(isGhost);
  }

  /** SH_END_ALL was answered, or was sent and may have happened. Nothing else is in flight. */
  endedAll(isSure: boolean): void {
    if (isSure) this.#ghosts = [];
    for (const session of this.#sessions) {
      if (session.kind === 'default map') continue;
      session.states = isSure ? [NOT_THERE] : distinct([...session.states, NOT_THERE]);
    }
    this.#bury();
  }

  /** How many sessions there may be at an instant within `when`, at least and at most. */
  liveAt(when: Span): Span {
    const live = { lo: 0, hi: 0 };
    const count = (states: readonly CrashState[]): void => {
      const current = states.flatMap((state) => statesAt(state, when));
      if (current.some(({ isThere }) => isThere)) live.hi += 1;
      if (current.every(({ isThere }) => isThere)) live.lo += 1;
    };
    for (const { kind, states } of this.#sessions) if (kind !== 'default map') count(states);
    for (const states of this.#ghosts) count(states);
    return live;
  }

  #pump(): void {
    while (this.#isLoading && this.#inFlight.size < IN_FLIGHT_MAX) {
      const count = 1 + this.#random.below(COMMANDS_PER_FRAME_MAX);
      this.#sendFrame(Array.from({ length: count }, () => this.#next()));
    }
  }

  #next(): readonly [CrashSession, CrashCommand] {
    const random = this.#random;
    const session = this.#sessions[random.below(this.#sessions.length + 1)];
    const privates = this.#sessions.filter(({ kind }) => kind === 'private').length;
    if (session === undefined || privates < PRIVATE_SESSIONS / 2) {
      if (privates < PRIVATE_SESSIONS) {
        this.#names += 1;
        const started = newSession('private', `p-${this.#index}-${this.#names}`, [NOT_THERE]);
        this.#sessions.push(started);
        const command = newPrivate(random);
        return [started, command];
      }
      return this.#next();
    }
    if (session.kind === 'private' && session.token === undefined) return this.#next();
    const isUnborn = session.kind === 'shared' && session.token === undefined;
    const isGone = session.kind === 'shared' && session.states.every(({ isThere }) => !isThere);
    if (
      isUnborn ||
      (isGone && random.below(2) === 0) ||
      (session.token && isOpened(random, session))
    ) {
      return [session, newShared(random, session.name)];
    }
    return [session, randomCommand(random, session.kind)];
  }

  #sendFrame(commands: readonly (readonly [CrashSession, CrashCommand])[]): void {
    const sentMs = Date.now();
    const bins = commands.map(([session, command]) => {
      const isKv = session.kind === 'default map';
      const entry = commandEntryOf(isKv ? command.name.replace('SH_', 'KV_') : command.name);
      const isByName = command.name === 'SH_OPEN' || command.name === 'SH_NEW';
      this.#id += 1;
      const sent = { session, command, sentMs };
      session.sent.push(sent);
      this.#inFlight.set(this.#id, sent);
      const token = isByName ? null : (session.token ?? null);
      return encode(encode([entry!.op, this.#id, token, command.body]));
    });
    this.#socket?.send(Buffer.concat(bins));
  }

  #receive(message: Buffer): void {
    const nowMs = Date.now();
    for (const bin of binsOf(message)) {
      const [id, status, body] = decode(bin) as [number, number, CrashReply['body']];
      this.#accept(id, { status, body }, nowMs);
    }
    this.#pump();
    if (this.#inFlight.size === 0) this.#onIdle();
  }

  #accept(id: number, reply: CrashReply, nowMs: number): void {
    const sent = this.#inFlight.get(id);
    if (sent === undefined) throw new Error(`a reply to nothing: ${id}, status ${reply.status}`);
    this.#inFlight.delete(id);
    const { session, command, sentMs } = sent;
    if (session.sent.shift() !== sent) throw new Error(`${session.name}: a reply out of order`);
    this.counts.acknowledged += 1;
    const when = { lo: sentMs, hi: nowMs };
    const before = session.states;
    session.states =
      command.name === 'SH_INFO'
        ? statesByInfo(before, reply, when)
        : statesAfter(outcomesOf(before, command, when), reply);
    if (session.states.length === 0)
      throw new Error(problemOf(session, sent, reply, before, nowMs));
    this.#learnToken(session, command, reply);
    if (session.sent.length === 0) this.#bury(session);
    this.onReply();
  }

  #learnToken(session: CrashSession, { name }: CrashCommand, reply: CrashReply): void {
    if (name !== 'SH_NEW' && name !== 'SH_OPEN') return;
    const token = reply.body?.['tkn'] as Uint8Array | undefined | null;
    if (token === undefined || token === null) return;
    if (session.token !== undefined && Buffer.compare(session.token, token) !== 0) {
      throw new Error(`${session.name}: its name gives another token than before`);
    }
    session.token = token.slice();
  }

  /** Private sessions that are surely gone: their tokens must never open anything again. */
  #bury(only?: CrashSession): void {
    const isGone = (session: CrashSession): boolean =>
      session.kind === 'private' &&
      (only === undefined || session === only) &&
      session.token !== undefined &&
      session.states.every(({ isThere }) => !isThere);
    if (only !== undefined && !isGone(only)) return;
    for (const session of this.#sessions.filter(isGone)) this.deadTokens.push(session.token!);
    this.deadTokens.splice(0, this.deadTokens.length - DEAD_TOKENS_KEPT);
    this.#remove(isGone);
  }

  #remove(isOut: (session: CrashSession) => boolean): void {
    const kept = this.#sessions.filter((session) => !isOut(session));
    this.#sessions.splice(0, this.#sessions.length, ...kept);
  }
}

const INFO: CrashCommand = { name: 'SH_INFO', body: null };
const GET_ALL: CrashCommand = { name: 'SH_GET_ALL', body: null };

function openOf({ name }: CrashSession): CrashCommand {
  return { name: 'SH_OPEN', body: { name } };
}

function isOpened(random: Random, { kind }: CrashSession): boolean {
  return kind === 'shared' && random.below(30) === 0;
}

function newSession(
  kind: CrashSession['kind'],
  name: string,
  states: readonly CrashState[],
): CrashSession {
  return { kind, name, token: undefined, states, sent: [] };
}

function* binsOf(message: Buffer): Generator<Uint8Array> {
  let at = 0;
  while (at < message.length) {
    const lead = message[at]!;
    const width = lead === 0xc4 ? 1 : lead === 0xc5 ? 2 : 4;
    const start = at + 1 + width;
    const end = start + message.readUIntBE(at + 1, width);
    yield message.subarray(start, end);
    at = end;
  }
}

function problemOf(
  session: CrashSession,
  { command, sentMs }: Sent,
  reply: CrashReply,
  before: readonly CrashState[],
  nowMs: number,
): string {
  const lines = before.map(
    (state) =>
      `  ${state.isThere ? 'there' : 'gone'}, version ${state.version}, ` +
      `created ${ago(state.created, nowMs)}, deadline ${ago(state.deadline, nowMs)}, ` +
      `expiry ${JSON.stringify(state.expiry)}, keys ${clip([...state.keys])}`,
  );
  return [
    `${session.name}: ${command.name} ${clip(command.body)} sent ${nowMs - sentMs} ms ago was answered`,
    `  ${reply.status} ${clip(reply.body)}`,
    `where these states were possible (times in ms from now):`,
    ...lines,
  ].join('\n');
}

function ago({ lo, hi }: Span, nowMs: number): string {
  return lo === Infinity ? 'never' : `${(lo - nowMs).toFixed(1)} to ${(hi - nowMs).toFixed(1)}`;
}

/** Long values tell enough by their beginnings. */
function clip(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'string' && inner.length > 12
      ? `${inner.slice(0, 10)}..${inner.length}`
      : inner,
  );
  return text === undefined ? '-' : text.slice(0, 4_000);
}
