/**
 * The road of every command: encoded at the call, sent in one frame with all others of the same
 * tick, answered by id.
 *
 *   submit -> in flight -> reply                      while there is room and a connection
 *   submit -> waiting queue -> in flight -> reply     else, in the order of the calls
 *
 * A lost connection rejects the writes in flight, whose outcome nobody knows, and puts the reads in
 * flight back at the head of the queue. A read answered BUSY (203) or SHUTTING_DOWN (209), which
 * mean that it was not executed, goes back there after a short wait. A write so answered is rejected
 * instead: sent again by itself it could overtake a later write to the same session.
 *
 * Commands given while a rotation of their session is on its way wait for its reply (see rotations.ts).
 * Pushes go to those who listen, who also hear when a connection is made again or none will come.
 *
 * Time is counted in ticks of one timer that runs only while something is pending, because a timer
 * for each command would cost more than the command.
 */
import { isOkStatus, STATUSES } from '../core/statuses.js';
import type { BodyOf, CommandName, ResultOf } from '../protocol/catalogue.js';
import { backoffMs } from './backoff.js';
import type { Body } from './body-writer.js';
import { planOf, type CommandPlan, type Convert } from './command-plan.js';
import type { CommandSink } from './command-sink.js';
import type { CurrentToken } from './current-token.js';
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  errorOfReply,
  MalformedReplyError,
  QueueFullError,
  type SojournError,
  TimeoutError,
} from './errors.js';
import { FrameSender } from './frame-sender.js';
import { InFlightTable, PendingCommand, type AnyConvert } from './in-flight.js';
import { Link } from './link.js';
import type { ResolvedOptions, Timers } from './options.js';
import { PushListeners, type PushListener } from './push-listeners.js';
import { ReplyReader } from './reply-reader.js';
import { membersOfFailure, resultOf } from './results.js';
import { Rotations } from './rotations.js';
import type { OpenSocket } from './socket.js';
import { WaitingQueue } from './waiting-queue.js';

/** A time-out is noticed at most one tick late: a sixteenth of it. */
const TICKS_PER_TIMEOUT = 16;
/** A read is sent this often at most; one that kills its connection each time must end. */
const SENDS_MAX = 8;
const BUSY_WAITS = { initialMs: 10, maxMs: 500 };

const AUTH = planOf('SV_AUTH');

export class Pipeline implements CommandSink {
  readonly #options: ResolvedOptions;
  readonly #link: Link;
  readonly #inFlight: InFlightTable;
  readonly #waiting = new WaitingQueue<PendingCommand>();
  /** Reads answered BUSY or SHUTTING_DOWN, until their wait is over. */
  readonly #resting = new Set<PendingCommand>();
  readonly #sender: FrameSender;
  readonly #reader = new ReplyReader();
  readonly #rotations = new Rotations();
  readonly #listeners = new PushListeners();
  /** The body of the last SV_AUTH that was granted; sent first on each new connection. */
  #credentials: Body | undefined;
  /** There is a connection, and it is authenticated if the last one was. */
  #isReady = false;
  /** Commands whose promise is not settled, wherever they are. */
  #pendingCount = 0;
  #tick = 0;
  /** The tick in which the last frame came. */
  #heardTick = -1;
  #tickTimer: unknown;
  /** Makes the error for new commands once none is taken any more. */
  #refusal: (() => SojournError) | undefined;
  #announceIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(url: string, options: ResolvedOptions, openSocket?: OpenSocket) {
    this.#options = options;
    this.#inFlight = new InFlightTable(options.maxInFlight);
    const events = {
      opened: () => this.#opened(),
      received: (frame: Uint8Array) => this.#received(frame),
      lost: (reason: string) => this.#lost(reason),
      gaveUp: (reason: string) => this.#gaveUp(reason),
    };
    const link = new Link(url, options, events, openSocket);
    this.#link = link;
    this.#sender = new FrameSender(options.maxFrameBytes, (bytes) => link.send(bytes));
  }

  get timers(): Timers {
    return this.#options.timers;
  }

  /** Makes the first connection. Rejects with ConnectError; the pipeline is useless then. */
  connect(): Promise<void> {
    return this.#link.connect();
  }

  /** Rejects with a TypeError for a bad argument, with a SojournError for all else. */
  submit<Row extends CommandName, Result>(
    plan: CommandPlan<Row>,
    token: CurrentToken | undefined,
    body: BodyOf<Row>,
    convert: Convert<Row, Result>,
  ): Promise<Result> {
    // What throws in here rejects the promise.
    return new Promise((resolve, reject) => {
      if (this.#refusal !== undefined) throw this.#refusal();
      const command = new PendingCommand({
        plan,
        token,
        body: body as Body,
        convert: convert as unknown as AnyConvert,
        resolve: resolve as (result: unknown) => void,
        reject,
        tick: this.#tick,
      });
      this.#admit(command);
      this.#counted();
    });
  }

  /** Says who uses this connection, and every later one. */
  authenticate(body: BodyOf<'SV_AUTH'>): Promise<ResultOf<'SV_AUTH'>> {
    return this.submit(AUTH, undefined, body, (result) => {
      this.#credentials = body;
      return result;
    });
  }

  listen(listener: PushListener): void {
    this.#listeners.add(listener);
  }

  /** Takes no more commands, waits for the replies, at most so long, and closes the connection. */
  close(waitMs: number): Promise<void> {
    this.#refusal = () => new ClosedError(false);
    this.#closing ??= this.#closeWhenIdle(waitMs);
    return this.#closing;
  }

  async #closeWhenIdle(waitMs: number): Promise<void> {
    if (this.#pendingCount > 0) {
      const { timers } = this.#options;
      await new Promise<void>((resolve) => {
        const timer = timers.setTimeout(resolve, waitMs);
        this.#announceIdle = () => {
          timers.clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const command of this.#inFlight.all()) this.#reject(command, new ClosedError(true));
    this.#rejectUnsent(() => new ClosedError(false));
    this.#listeners.ended();
    if (this.#tickTimer !== undefined) this.#options.timers.clearTimeout(this.#tickTimer);
    await this.#link.close();
  }

  /** Sends the command, or keeps it where it has to wait. Throws what refuses it. */
  #admit(command: PendingCommand): void {
    const isHeld = command.token?.rotation !== undefined;
    if (this.#isReady && this.#waiting.isEmpty && !this.#inFlight.isFull && !isHeld) {
      this.#send(command);
    } else {
      const queue = isHeld ? command.token.held : this.#waiting;
      if (queue.length >= this.#options.maxWaiting) throw new QueueFullError();
      command.encoded = this.#sender.encode(command);
      queue.push(command);
    }
    if (command.plan.isRotation && !isHeld) this.#rotations.begin(command);
  }

  #counted(): void {
    this.#pendingCount += 1;
    if (this.#tickTimer === undefined) this.#startTick();
  }

  #send(command: PendingCommand): void {
    this.#inFlight.add(command);
    try {
      this.#sender.send(command);
    } catch (error) {
      this.#inFlight.take(command.id);
      throw error;
    }
    command.sends += 1;
    command.sentTick = this.#tick;
  }

  #opened(): void {
    // Nothing has been heard on this connection yet.
    this.#heardTick = this.#tick - 1;
    if (this.#credentials === undefined) this.#ready();
    else this.#authenticateAgain(this.#credentials);
  }

  /** Ahead of all that waits. Where it is refused, those are too, each by itself. */
  #authenticateAgain(body: Body): void {
    if (this.#isReady || !this.#link.isOpen) return;
    const command = new PendingCommand({
      plan: AUTH,
      token: undefined,
      body,
      convert: (result) => result,
      resolve: () => this.#ready(),
      reject: (error) => {
        const { status, statusClass } = error as SojournError;
        const waitMs = backoffMs(TICKS_PER_TIMEOUT, BUSY_WAITS, this.#options.random);
        if (status === 0) this.#link.drop('authentication was not answered');
        else if (statusClass === 'caller') this.#ready();
        else this.#options.timers.setTimeout(() => this.#authenticateAgain(body), waitMs);
      },
      tick: this.#tick,
    });
    this.#send(command);
    this.#counted();
  }

  #ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#listeners.ready();
    this.#drain();
  }

  /** Sends what waits, as far as there is room. */
  #drain(): void {
    while (!this.#waiting.isEmpty && !this.#inFlight.isFull && this.#isReady) {
      const command = this.#waiting.shift();
      if (command === undefined) return;
      this.#send(command);
    }
  }

  #received(frame: Uint8Array): void {
    this.#heardTick = this.#tick;
    const reader = this.#reader;
    try {
      reader.open(frame);
      while (reader.next()) {
        if (reader.id === 0) this.#listeners.pushed(reader);
        else this.#replied(reader);
      }
    } catch (error) {
      if (!(error instanceof MalformedReplyError)) throw error;
      this.#link.drop(error.message);
    }
    if (!this.#waiting.isEmpty) this.#drain();
  }

  #replied(reader: ReplyReader): void {
    const command = this.#inFlight.take(reader.id);
    if (command === undefined) return;
    // A rotation that timed out has happened all the same: its session must not lose the new token.
    if (!command.isSettled || command.plan.isRotation) this.#answer(command, reader);
    if (command.plan.isRotation) this.#release(command);
  }

  /** Sends what has waited for this rotation. */
  #release(rotation: PendingCommand): void {
    const commands = this.#rotations.end(rotation);
    for (const command of commands) this.#waiting.push(command);
    if (commands.length > 0) this.#drain();
  }

  #answer(command: PendingCommand, reader: ReplyReader): void {
    const { status } = reader;
    if (status === STATUSES.OK.code || isOkStatus(status)) {
      let result: unknown;
      try {
        result = command.convert(resultOf(command.plan, reader) as never, command.body as never);
      } catch (error) {
        this.#reject(command, asMalformedReply(error));
        return;
      }
      if (command.isSettled) return;
      this.#settled(command);
      command.resolve(result);
      return;
    }
    const isNotNow = status === STATUSES.BUSY.code || status === STATUSES.SHUTTING_DOWN.code;
    if (isNotNow && command.plan.isRepeatable && command.sends < SENDS_MAX) this.#rest(command);
    else this.#reject(command, errorOfReply(status, membersOfFailure(reader)));
  }

  /** Sends the read again after a wait, ahead of what was asked later. */
  #rest(command: PendingCommand): void {
    this.#resting.add(command);
    const waitMs = backoffMs(command.sends, BUSY_WAITS, this.#options.random);
    this.#options.timers.setTimeout(() => {
      if (!this.#resting.delete(command) || command.isSettled) return;
      if (command.token?.rotation === undefined) this.#putBack([command]);
      else this.#admit(command);
      this.#drain();
    }, waitMs);
  }

  #putBack(commands: readonly PendingCommand[]): void {
    for (const command of commands) command.encoded = this.#sender.encode(command);
    this.#waiting.putFirst(commands);
  }

  #lost(reason: string): void {
    this.#isReady = false;
    const sent = this.#inFlight.all();
    const commands = sent.filter((command) => !command.isSettled);
    this.#inFlight.clear();
    this.#sender.clear();
    const again = commands.filter((c) => c.plan.isRepeatable && c.sends < SENDS_MAX);
    this.#putBack(again);
    for (const command of commands) {
      if (command.encoded === undefined) {
        this.#reject(command, new ConnectionLostError(reason));
      }
    }
    for (const command of sent) this.#release(command);
  }

  #gaveUp(reason: string): void {
    this.#refusal ??= () => new ConnectError(`reconnecting was given up: ${reason}`);
    this.#rejectUnsent(this.#refusal);
    this.#listeners.ended(this.#refusal());
  }

  #rejectUnsent(makeError: () => SojournError): void {
    const held = this.#rotations.held();
    for (const command of [...this.#resting, ...this.#waiting.takeAll(), ...held]) {
      this.#reject(command, makeError());
    }
    this.#resting.clear();
  }

  #reject(command: PendingCommand, error: Error): void {
    if (command.isSettled) return;
    this.#settled(command);
    command.reject(error);
  }

  #settled(command: PendingCommand): void {
    command.isSettled = true;
    this.#pendingCount -= 1;
    if (this.#pendingCount === 0) this.#announceIdle?.();
  }

  #startTick(): void {
    const tickMs = Math.max(1, this.#options.timeoutMs / TICKS_PER_TIMEOUT);
    this.#tickTimer = this.#options.timers.setTimeout(this.#onTick, tickMs);
  }

  readonly #onTick = (): void => {
    this.#tick += 1;
    this.#tickTimer = undefined;
    this.#rejectOverdue();
    if (this.#pendingCount > 0) this.#startTick();
  };

  #isOverdue(command: PendingCommand): boolean {
    return !command.isSettled && this.#tick - command.tick > TICKS_PER_TIMEOUT;
  }

  #rejectOverdue(): void {
    const { timeoutMs } = this.#options;
    let isSilent = false;
    for (const command of this.#inFlight.all()) {
      if (!this.#isOverdue(command)) continue;
      if (this.#heardTick < command.sentTick) isSilent = true;
      this.#reject(command, new TimeoutError(timeoutMs, true));
    }
    for (const command of this.#resting) {
      if (!this.#isOverdue(command)) continue;
      this.#resting.delete(command);
      this.#reject(command, new TimeoutError(timeoutMs, false));
    }
    this.#waiting.retain((command) => {
      if (this.#isOverdue(command)) this.#reject(command, new TimeoutError(timeoutMs, false));
      return !command.isSettled;
    });
    for (const command of this.#rotations.held()) {
      if (this.#isOverdue(command)) this.#reject(command, new TimeoutError(timeoutMs, false));
    }
    for (const rotation of this.#rotations.givenUp()) this.#release(rotation);
    // Not a byte since the command was sent: the peer is gone without a word.
    if (isSilent) this.#link.drop(`nothing received in ${timeoutMs} ms`);
  }
}

function asMalformedReply(error: unknown): MalformedReplyError {
  if (error instanceof MalformedReplyError) return error;
  return new MalformedReplyError('a reply lacks what it should hold');
}
