/**
 * Who uses a connection: SV_AUTH, and the Authorization header of an upgrade.
 *
 * A secret is verified by scrypt, which is slow on purpose. libuv's few threads are those of all, the
 * syncing of the log included; so that nobody can keep them busy, one secret is verified at a time in
 * the whole process, the others wait, and a connection is closed after a few wrong ones. What it sends meanwhile waits, too. A right one is remembered as a
 * keyed hash, in memory only: whoever sends it again is answered at once and in nobody's queue, so
 * that a thousand connections made again after a restart do not take minutes.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  isSecret,
  SECRET_BYTES_MAX,
  type SecretHash,
  USER_NAME_BYTES_MAX,
} from '../config/secret-hash.js';
import type { IoThreadPlan } from '../config/thread-plan.js';
import type { User } from '../config/users.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { ALL_RIGHTS, NO_RIGHTS, rightsIn } from '../core/rights.js';
import { STATUSES, type StatusName } from '../core/statuses.js';
import { NativeCursor, REFUSED } from '../protocol/native-cursor.js';
import { NativeWriter } from '../protocol/native-writer.js';
import { OwnerLocks } from '../ring/owner-locks.js';
import { basicCredentialsFrom, type Credentials } from './basic-credentials.js';
import type { Connection } from './connection.js';
import { DeferredFrames } from './deferred-frames.js';
import type { Caller } from './fan-out.js';
import { CLOSE_POLICY, CLOSE_TRY_AGAIN_LATER } from './outgoing.js';
import type { ServerRequest } from './server-commands.js';
import type { Traffic } from './traffic.js';

/** Wrong secrets after which a connection is closed. */
export const AUTH_FAILURES_MAX = 3;
/** Attempts of one I/O thread that wait. More are answered 203. */
export const AUTH_WAITING_MAX = 256;
/** The one word of the lock. */
const STRIPE = 0;

const AUTH_FAILURES = IO_COUNTER_INDEX.authFailures;
const COMMANDS_BUSY = IO_COUNTER_INDEX.commandsBusy;

/** No keyed hash, but for one chance in 2^256; and then nobody has this name. */
const NOBODY = new Uint8Array(32);

const NO_USERS = 'the server has no users (--users)';
const WRONG = 'wrong user or secret';
const TOO_MANY = 'too many wrong secrets';
const BUSY = 'too many secrets are being verified';

/** Undefined where there was no room to verify it. */
type Outcome = User | 'wrong' | undefined;

interface Attempt extends Credentials {
  readonly connection: Connection;
  settle(outcome: Outcome): void;
}

interface Refusal {
  readonly status: StatusName;
  readonly reason: string;
}

export type AuthenticationPlan = Pick<IoThreadPlan, 'users' | 'authLock'>;

/** What the I/O thread does for it. Not from within anything. */
export interface AuthenticationDesk {
  deliver(caller: Caller, reply: NativeWriter): void;
  /** The connection of that name need not wait any more. */
  resume(connection: number): void;
}

export class Authentication {
  readonly #traffic: Traffic;
  readonly #desk: AuthenticationDesk;
  /** Undefined where everyone may do everything. */
  readonly #users: ReadonlyMap<string, User> | undefined;
  readonly #lock: OwnerLocks;
  readonly #key = randomBytes(32);
  /** By user: the keyed hash of the right secret, once it was sent. */
  readonly #known = new Map<string, Uint8Array>();
  #waiting: Attempt[] = [];
  #isVerifying = false;
  readonly #cursor = new NativeCursor();
  readonly #decoder = new TextDecoder();

  constructor(traffic: Traffic, plan: AuthenticationPlan, desk: AuthenticationDesk) {
    const { users, authLock } = plan;
    this.#traffic = traffic;
    this.#desk = desk;
    this.#users = users && new Map(users.map((user) => [user.name, user]));
    this.#lock = new OwnerLocks(authLock);
  }

  /** @param authorization the header of the upgrade, empty if there was none. */
  open(connection: Connection, authorization: string): void {
    connection.rights = this.#users === undefined ? ALL_RIGHTS : NO_RIGHTS;
    if (this.#users === undefined) return;
    const credentials = basicCredentialsFrom(authorization);
    // Other schemes are those of a proxy, and nothing to us.
    if (credentials === undefined) return;
    const known = this.#knownUser(credentials);
    if (known !== undefined) {
      connection.rights = known.rights;
      return;
    }
    connection.deferred = new DeferredFrames(this.#traffic.deferred);
    this.#traffic.inFlight += 1;
    const settle = (outcome: Outcome): void => {
      const { outgoing } = this.#traffic;
      if (outcome === undefined) outgoing.condemn(connection, CLOSE_TRY_AGAIN_LATER, BUSY);
      else if (outcome === 'wrong') outgoing.condemn(connection, CLOSE_POLICY, WRONG);
      else connection.rights = outcome.rights;
      this.#desk.resume(connection.name);
    };
    const isTaken = this.#take({ ...credentials, connection, settle });
    // The socket has no owner yet.
    if (!isTaken) setImmediate(settle, undefined);
  }

  /**
   * Answers SV_AUTH, at once if it can.
   *
   * @returns false if the reply comes later: until then the connection must wait.
   */
  answer(request: ServerRequest, writer: NativeWriter): boolean {
    const { command, connection, text } = request;
    const credentials = this.#read(request);
    if ('status' in credentials) {
      writer.refusal(command.id, STATUSES[credentials.status].code, credentials.reason);
      return true;
    }
    const caller = { connection: connection.name, id: command.id, text };
    const known = this.#knownUser(credentials);
    if (known !== undefined) {
      this.#grant(connection, known);
      writeUser(writer, command.id, known);
      return true;
    }
    const settle = (outcome: Outcome): void => this.#settle(connection, caller, outcome);
    if (this.#take({ ...credentials, connection, settle })) {
      this.#traffic.inFlight += 1;
      return false;
    }
    this.#refuseNow(command.id, writer);
    return true;
  }

  #settle(connection: Connection, caller: Caller, outcome: Outcome): void {
    const reply = new NativeWriter();
    if (outcome === undefined) {
      this.#refuseNow(caller.id, reply);
    } else if (outcome === 'wrong') {
      connection.authFailures += 1;
      reply.refusal(caller.id, STATUSES.UNAUTHENTICATED.code, WRONG);
    } else {
      this.#grant(connection, outcome);
      writeUser(reply, caller.id, outcome);
    }
    this.#desk.deliver(caller, reply);
    if (connection.authFailures >= AUTH_FAILURES_MAX) {
      this.#traffic.outgoing.condemn(connection, CLOSE_POLICY, TOO_MANY);
    }
    this.#desk.resume(caller.connection);
  }

  /** For want of room, or time. */
  #refuseNow(id: number, writer: NativeWriter): void {
    if (this.#traffic.isDraining) {
      writer.status(id, STATUSES.SHUTTING_DOWN.code);
      return;
    }
    this.#traffic.counters[COMMANDS_BUSY]! += 1;
    writer.refusal(id, STATUSES.BUSY.code, BUSY);
  }

  #grant(connection: Connection, user: User): void {
    connection.rights = user.rights;
    connection.authFailures = 0;
  }

  /** 14 before all else; then each member is there and a string, in their order; then their sizes. */
  #read({ space, command }: ServerRequest): Credentials | Refusal {
    if (this.#users === undefined) return { status: 'DISABLED', reason: NO_USERS };
    const values: string[] = [];
    const sizes: number[] = [];
    for (const member of ['secret', 'user']) {
      this.#cursor.open(space.view, command.bodyAt, command.bodyEnd);
      if (this.#cursor.findMember(member) !== 1) {
        return { status: 'MISSING_PARAMETER', reason: `${member} is missing` };
      }
      const bytes = this.#cursor.strLength();
      if (bytes === REFUSED) {
        return { status: 'WRONG_TYPE', reason: `${member} must be a string` };
      }
      const { at } = this.#cursor;
      sizes.push(bytes);
      values.push(this.#decoder.decode(space.bytes.subarray(at, at + bytes)));
    }
    const [secretBytes = 0, nameBytes = 0] = sizes;
    if (secretBytes > SECRET_BYTES_MAX) {
      return { status: 'WRONG_VALUE', reason: `secret has over ${SECRET_BYTES_MAX} bytes` };
    }
    if (nameBytes > USER_NAME_BYTES_MAX) {
      return { status: 'WRONG_VALUE', reason: `user has over ${USER_NAME_BYTES_MAX} bytes` };
    }
    const [secret = '', name = ''] = values;
    return { name, secret };
  }

  /** The user whose secret this is, if it was verified before. */
  #knownUser({ name, secret }: Credentials): User | undefined {
    const known = this.#known.get(name) ?? NOBODY;
    return timingSafeEqual(known, this.#keyed(secret)) ? this.#users?.get(name) : undefined;
  }

  #keyed(text: string): Uint8Array {
    return createHmac('sha256', this.#key).update(text).digest();
  }

  /** @returns false if too many wait, or the server stops. */
  #take(attempt: Attempt): boolean {
    const { isDraining } = this.#traffic;
    if (isDraining || this.#waiting.length >= AUTH_WAITING_MAX) return false;
    this.#waiting.push(attempt);
    if (!this.#isVerifying) void this.#verifyAll();
    return true;
  }

  async #verifyAll(): Promise<void> {
    this.#isVerifying = true;
    for (;;) {
      const attempt = this.#waiting.shift();
      if (attempt === undefined) break;
      // Nobody waits for the answer of a connection that has gone.
      const { isOpen, isCondemned } = attempt.connection;
      const isWanted = isOpen && !isCondemned && !this.#traffic.isDraining;
      attempt.settle(isWanted ? await this.#verify(attempt) : undefined);
    }
    this.#isVerifying = false;
  }

  /** Undefined where there is no memory for it now. */
  async #isSecret(secret: string, expected: SecretHash): Promise<boolean | undefined> {
    await new Promise<void>((resolve) => this.#lock.take(STRIPE, resolve));
    try {
      return await isSecret(secret, expected);
    } catch {
      return undefined;
    } finally {
      this.#lock.release(STRIPE);
    }
  }

  /** For an unknown user the work is that for another one, so that its time tells nothing. */
  async #verify({ name, secret }: Credentials): Promise<Outcome> {
    // Many may have come with the same one.
    const known = this.#knownUser({ name, secret });
    if (known !== undefined) return known;
    const users = [...(this.#users?.values() ?? [])];
    const user = this.#users?.get(name);
    const other = users[this.#keyed(name)[0]! % users.length];
    const expected = (user ?? other)?.secret;
    const isRight = expected && (await this.#isSecret(secret, expected));
    if (isRight === undefined) return undefined;
    if (!isRight || user === undefined) {
      this.#traffic.counters[AUTH_FAILURES]! += 1;
      return 'wrong';
    }
    this.#known.set(name, this.#keyed(secret));
    return user;
  }
}

function writeUser(writer: NativeWriter, id: number, { name, rights }: User): void {
  const names = rightsIn(rights);
  writer.beginReply(id, STATUSES.OK.code);
  writer.mapHead(2);
  writer.text('name');
  writer.text(name);
  writer.text('rights');
  writer.arrayHead(names.length);
  for (const right of names) writer.text(right);
  writer.endReply();
}
