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
 * Time is counted in ticks of one timer that runs only while something is pending, because a timer
 * for each command would cost more than the command.
 */
import { isOkStatus, STATUSES } from '../core/statuses.js';
import type { BodyOf, CommandName } from '../protocol/catalogue.js';
import { backoffMs } from './backoff.js';
import { CommandWriter, type Body } from './command-writer.js';
import type { CommandPlan, Convert } from './command-plan.js';
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  errorOfStatus,
  MalformedReplyError,
  QueueFullError,
  type SojournError,
  TimeoutError,
} from './errors.js';
import { InFlightTable, PendingCommand, type AnyConvert } from './in-flight.js';
import { Link } from './link.js';
import type { ResolvedOptions } from './options.js';
import { ReplyReader } from './reply-reader.js';
import { errorTextOf, resultOf } from './results.js';
import type { OpenSocket } from './socket.js';
import { WaitingQueue } from './waiting-queue.js';

/** A time-out is noticed at most one tick late: a sixteenth of it. */
const TICKS_PER_TIMEOUT = 16;
/** A read is sent this often at most; one that kills its connection each time must end. */
const SENDS_MAX = 8;
const BUSY_WAITS = { initialMs: 10, maxMs: 500 };

export class Pipeline {
  readonly #options: ResolvedOptions;
  readonly #link: Link;
  readonly #inFlight: InFlightTable;
  readonly #waiting = new WaitingQueue<PendingCommand>();
  /** Reads answered BUSY or SHUTTING_DOWN, until their wait is over. */
  readonly #resting = new Set<PendingCommand>();
  readonly #writer = new CommandWriter();
  /** For commands that cannot be sent at once. */
  readonly #scratch = new CommandWriter();
  readonly #reader = new ReplyReader();
  #isFlushDue = false;
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
    this.#link = new Link(url, options, events, openSocket);
  }

  /** Makes the first connection. Rejects with ConnectError; the pipeline is useless then. */
  connect(): Promise<void> {
    return this.#link.connect();
  }

  /** Rejects with a TypeError for a bad argument, with a SojournError for all else. */
  submit<Row extends CommandName, Result>(
    plan: CommandPlan<Row>,
    token: Uint8Array | undefined,
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
      if (this.#link.isOpen && this.#waiting.isEmpty && !this.#inFlight.isFull) {
        this.#send(command);
      } else {
        if (this.#waiting.length >= this.#options.maxWaiting) throw new QueueFullError();
        command.encoded = this.#encode(command);
        this.#waiting.push(command);
      }
      this.#pendingCount += 1;
      if (this.#tickTimer === undefined) this.#startTick();
    });
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
    if (this.#tickTimer !== undefined) this.#options.timers.clearTimeout(this.#tickTimer);
    await this.#link.close();
  }

  #encode(command: PendingCommand): Uint8Array {
    this.#scratch.append(command.plan, 0, command.token, command.body);
    const encoded = this.#scratch.view().slice();
    this.#scratch.dropFront();
    return encoded;
  }

  #send(command: PendingCommand): void {
    const writer = this.#writer;
    const start = writer.length;
    this.#inFlight.add(command);
    if (command.encoded === undefined) {
      try {
        writer.append(command.plan, command.id, command.token, command.body);
      } catch (error) {
        this.#inFlight.take(command.id);
        throw error;
      }
    } else {
      writer.appendEncoded(command.encoded, command.id);
      command.encoded = undefined;
    }
    command.sends += 1;
    command.sentTick = this.#tick;
    if (start > 0 && writer.length > this.#options.maxFrameBytes) {
      this.#link.send(writer.view(start));
      writer.dropFront(start);
    }
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(this.#flush);
  }

  /** A property, so that scheduling it makes no closure. */
  readonly #flush = (): void => {
    this.#isFlushDue = false;
    if (this.#writer.length === 0) return;
    this.#link.send(this.#writer.view());
    this.#writer.dropFront();
  };

  #opened(): void {
    // Nothing has been heard on this connection yet.
    this.#heardTick = this.#tick - 1;
    this.#drain();
  }

  /** Sends what waits, as far as there is room. */
  #drain(): void {
    while (!this.#waiting.isEmpty && !this.#inFlight.isFull && this.#link.isOpen) {
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
        // Id 0 is a push; this client asks for none.
        const command = reader.id === 0 ? undefined : this.#inFlight.take(reader.id);
        if (command?.isSettled === false) this.#answer(command, reader);
      }
    } catch (error) {
      if (!(error instanceof MalformedReplyError)) throw error;
      this.#link.drop(error.message);
    }
    if (!this.#waiting.isEmpty) this.#drain();
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
      this.#settled(command);
      command.resolve(result);
      return;
    }
    const isNotNow = status === STATUSES.BUSY.code || status === STATUSES.SHUTTING_DOWN.code;
    if (isNotNow && command.plan.isRepeatable && command.sends < SENDS_MAX) this.#rest(command);
    else this.#reject(command, errorOfStatus(status, errorTextOf(reader)));
  }

  /** Sends the read again after a wait, ahead of what was asked later. */
  #rest(command: PendingCommand): void {
    this.#resting.add(command);
    const waitMs = backoffMs(command.sends, BUSY_WAITS, this.#options.random);
    this.#options.timers.setTimeout(() => {
      if (!this.#resting.delete(command) || command.isSettled) return;
      this.#putBack([command]);
      this.#drain();
    }, waitMs);
  }

  #putBack(commands: readonly PendingCommand[]): void {
    for (const command of commands) command.encoded = this.#encode(command);
    this.#waiting.putFirst(commands);
  }

  #lost(reason: string): void {
    const commands = this.#inFlight.all().filter((command) => !command.isSettled);
    this.#inFlight.clear();
    this.#writer.dropFront();
    const again = commands.filter((c) => c.plan.isRepeatable && c.sends < SENDS_MAX);
    this.#putBack(again);
    for (const command of commands) {
      if (command.encoded === undefined) {
        this.#reject(command, new ConnectionLostError(reason));
      }
    }
  }

  #gaveUp(reason: string): void {
    this.#refusal ??= () => new ConnectError(`reconnecting was given up: ${reason}`);
    this.#rejectUnsent(this.#refusal);
  }

  #rejectUnsent(makeError: () => SojournError): void {
    for (const command of [...this.#resting, ...this.#waiting.takeAll()]) {
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
    // Not a byte since the command was sent: the peer is gone without a word.
    if (isSilent) this.#link.drop(`nothing received in ${timeoutMs} ms`);
  }
}

function asMalformedReply(error: unknown): MalformedReplyError {
  if (error instanceof MalformedReplyError) return error;
  return new MalformedReplyError('a reply lacks what it should hold');
}
