/**
 * Every error that the SDK rejects with, all of them a SojournError.
 *
 * Two families. A failing status of the server has a class of its own, made from its row of
 * STATUSES; the compiler refuses this file while a failing status lacks one. What happens without a
 * reply (connection lost, time-out, closed) has status 0. Messages hold no token and no value.
 */
import { STATUSES, statusNameOf, type StatusClass, type StatusName } from '../core/statuses.js';

/** What a SojournError is made of. */
export interface SojournErrorParts {
  readonly status: number;
  readonly code: string;
  readonly statusClass: StatusClass | 'client';
  readonly help: string;
  readonly message: string;
}

/** What every error of the SDK is. */
export class SojournError extends Error {
  /** The name of the class. */
  override name = 'SojournError';
  /** The number in the reply; 0 when there was no reply. */
  readonly status: number;
  /** The name of the status, such as NO_SUCH_SESSION. */
  readonly code: string;
  /** Who can do something about it: caller, retry (again later), server; client: no reply came. */
  readonly statusClass: StatusClass | 'client';
  /** One line on the status in general; the message may say more about this case. */
  readonly help: string;
  /** With session.batch(): which of its commands failed, from 0. */
  declare readonly failedStep?: number;

  /** @internal */
  constructor(parts: SojournErrorParts) {
    super(parts.message);
    this.status = parts.status;
    this.code = parts.code;
    this.statusClass = parts.statusClass;
    this.help = parts.help;
  }
}

/** The statuses that a reply can fail with. */
export type FailingStatus = {
  [Name in StatusName]: (typeof STATUSES)[Name]['class'] extends 'ok' ? never : Name;
}[StatusName];

/** The class of a failing status. */
export interface StatusErrorClass {
  /** The number of the status. */
  readonly status: number;
  new (message?: string): SojournError;
}

/** The class of one failing status, to be extended by the class that carries its public name. */
function statusError(code: FailingStatus): StatusErrorClass {
  const spec = STATUSES[code];
  return class extends SojournError {
    static readonly status: number = spec.code;

    constructor(message: string = spec.help) {
      super({ status: spec.code, code, statusClass: spec.class, help: spec.help, message });
    }
  };
}

/** The server could not decode the command: a fault of this client. */
export class MalformedCommandError extends statusError('MALFORMED_COMMAND') {
  override name = 'MalformedCommandError';
}
/** The text frame is not JSON; this client sends none. */
export class MalformedJsonError extends statusError('MALFORMED_JSON') {
  override name = 'MalformedJsonError';
}
/** The JSON pointer or JSONPath cannot be parsed. */
export class BadPathError extends statusError('BAD_PATH') {
  override name = 'BadPathError';
}
/** The server does not know the command: it is older than this client. */
export class UnknownCommandError extends statusError('UNKNOWN_COMMAND') {
  override name = 'UnknownCommandError';
}
/** A text request has the wrong shape, or find() was asked for something else than it gives. */
export class BadSyntaxError extends statusError('BAD_SYNTAX') {
  override name = 'BadSyntaxError';
}
/** The command is switched off on this server. */
export class DisabledError extends statusError('DISABLED') {
  override name = 'DisabledError';
}
/** The session has no such key. */
export class KeyNotFoundError extends statusError('NO_SUCH_KEY') {
  override name = 'KeyNotFoundError';
}
/** A required parameter is absent. */
export class MissingParameterError extends statusError('MISSING_PARAMETER') {
  override name = 'MissingParameterError';
}
/** A parameter has the wrong type. */
export class WrongTypeError extends statusError('WRONG_TYPE') {
  override name = 'WrongTypeError';
}
/** A parameter has a value or a size out of range. */
export class WrongValueError extends statusError('WRONG_VALUE') {
  override name = 'WrongValueError';
}
/** No live session has this token: it has ended or expired, or never was. */
export class SessionNotFoundError extends statusError('NO_SUCH_SESSION') {
  override name = 'SessionNotFoundError';
}
/** No shared session has this name. */
export class SharedSessionNotFoundError extends statusError('NO_SUCH_SHARED') {
  override name = 'SharedSessionNotFoundError';
}
/** A shared session of this name exists already. */
export class NameTakenError extends statusError('NAME_TAKEN') {
  override name = 'NameTakenError';
}
/** The token was replaced by a rotation: whoever holds it is late, or a thief. */
export class TokenReusedError extends statusError('TOKEN_REUSED') {
  override name = 'TokenReusedError';
}
/** The server cannot write the directory of its saves. */
export class SaveDirectoryError extends statusError('SAVE_DIRECTORY') {
  override name = 'SaveDirectoryError';
}
/** Saving failed; what was written of the set is removed. */
export class SaveFailedError extends statusError('SAVE_FAILED') {
  override name = 'SaveFailedError';
}
/** The set cannot be loaded; the message says why. */
export class LoadFailedError extends statusError('LOAD_FAILED') {
  override name = 'LoadFailedError';
}
/** The server wants to know who uses the connection, or does not believe it. */
export class UnauthenticatedError extends statusError('UNAUTHENTICATED') {
  override name = 'UnauthenticatedError';
}
/** The user lacks the right. */
export class NotAllowedError extends statusError('NOT_ALLOWED') {
  override name = 'NotAllowedError';
}
/** Too many requests: slow down. */
export class RateLimitedError extends statusError('RATE_LIMITED') {
  override name = 'RateLimitedError';
}
/**
 * Too many commands were in flight; this one was not executed. The client itself tries a read again,
 * up to eight times in all. A write it leaves to the caller, who knows whether a later write to the
 * same session may have been executed by now.
 */
export class BusyError extends statusError('BUSY') {
  override name = 'BusyError';
}
/** The frame, the value or the session is too large. Nothing was stored. */
export class TooLargeError extends statusError('TOO_LARGE') {
  override name = 'TooLargeError';
}
/** The server's memory or number of sessions is at its limit. Nothing was stored. */
export class MemoryLimitError extends statusError('MEMORY_LIMIT') {
  override name = 'MemoryLimitError';
}
/** The owner has as many sessions as the server allows. */
export class OwnerLimitError extends statusError('OWNER_LIMIT') {
  override name = 'OwnerLimitError';
}
/** Somebody has written since that version. Nothing was changed. */
export class VersionMismatchError extends statusError('VERSION_MISMATCH') {
  override name = 'VersionMismatchError';
  /** The version that the session has. */
  readonly version: number;

  constructor(message?: string, version = 0) {
    super(message);
    this.version = version;
  }
}
/** inc() met a value that is not a number. */
export class NotANumberError extends statusError('NOT_A_NUMBER') {
  override name = 'NotANumberError';
}
/** The server is about to stop; the command was not executed. Tried again like one that met BUSY. */
export class ShuttingDownError extends statusError('SHUTTING_DOWN') {
  override name = 'ShuttingDownError';
}
/** The server could not make the write durable; it may or may not be there after a restart. */
export class NotDurableError extends statusError('NOT_DURABLE') {
  override name = 'NotDurableError';
}
/** The server has a fault. */
export class InternalError extends statusError('INTERNAL') {
  override name = 'InternalError';
}

/** The class of each failing status. */
export const STATUS_ERRORS = {
  MALFORMED_COMMAND: MalformedCommandError,
  MALFORMED_JSON: MalformedJsonError,
  BAD_PATH: BadPathError,
  UNKNOWN_COMMAND: UnknownCommandError,
  BAD_SYNTAX: BadSyntaxError,
  DISABLED: DisabledError,
  NO_SUCH_KEY: KeyNotFoundError,
  MISSING_PARAMETER: MissingParameterError,
  WRONG_TYPE: WrongTypeError,
  WRONG_VALUE: WrongValueError,
  NO_SUCH_SESSION: SessionNotFoundError,
  NO_SUCH_SHARED: SharedSessionNotFoundError,
  NAME_TAKEN: NameTakenError,
  TOKEN_REUSED: TokenReusedError,
  SAVE_DIRECTORY: SaveDirectoryError,
  SAVE_FAILED: SaveFailedError,
  LOAD_FAILED: LoadFailedError,
  UNAUTHENTICATED: UnauthenticatedError,
  NOT_ALLOWED: NotAllowedError,
  RATE_LIMITED: RateLimitedError,
  BUSY: BusyError,
  TOO_LARGE: TooLargeError,
  MEMORY_LIMIT: MemoryLimitError,
  OWNER_LIMIT: OwnerLimitError,
  VERSION_MISMATCH: VersionMismatchError,
  NOT_A_NUMBER: NotANumberError,
  SHUTTING_DOWN: ShuttingDownError,
  NOT_DURABLE: NotDurableError,
  INTERNAL: InternalError,
} as const satisfies Record<FailingStatus, StatusErrorClass>;

/** What a failing reply may hold. */
interface FailureMembers {
  readonly m?: unknown;
  readonly version?: unknown;
  readonly rsps?: unknown;
}

/** The error of a failing reply. A number newer than this client becomes a plain SojournError. */
export function errorOfReply(status: number, members: FailureMembers): SojournError {
  const { rsps } = members;
  if (!Array.isArray(rsps)) return errorOfStatus(status, members);
  const [, body] = (rsps.at(-1) ?? []) as readonly unknown[];
  const error = errorOfStatus(status, { ...members, ...(body as FailureMembers | null) });
  return Object.assign(error, { failedStep: rsps.length - 1 });
}

function errorOfStatus(status: number, { m, version }: FailureMembers): SojournError {
  const code = statusNameOf(status);
  const message = typeof m === 'string' && m !== '' ? m : undefined;
  if (code === 'VERSION_MISMATCH') return new VersionMismatchError(message, Number(version ?? 0));
  if (code !== undefined && code in STATUS_ERRORS) {
    return new STATUS_ERRORS[code as FailingStatus](message);
  }
  const help = 'a status that this version of the client does not know';
  return new SojournError({
    status,
    code: 'UNRECOGNIZED',
    statusClass: 'server',
    help,
    message: message ?? `status ${status}: ${help}`,
  });
}

function withoutReply(code: string, help: string, message: string): SojournErrorParts {
  return { status: 0, code, statusClass: 'client', help, message };
}

/** The first connection could not be made, or reconnecting was given up. */
export class ConnectError extends SojournError {
  override name = 'ConnectError';

  constructor(message: string) {
    super(withoutReply('CONNECT_FAILED', 'no connection to the server', message));
  }
}

/** The connection went while the command was on its way: a write may or may not be done. */
export class ConnectionLostError extends SojournError {
  override name = 'ConnectionLostError';
  /** The server may have executed the command. */
  readonly isOutcomeUnknown = true;

  constructor(reason: string) {
    const message = `the connection was lost before the reply came, the outcome is unknown: ${reason}`;
    super(withoutReply('CONNECTION_LOST', 'the connection was lost', message));
  }
}

/** More commands wait in the client than maxWaiting allows. */
export class QueueFullError extends SojournError {
  override name = 'QueueFullError';

  constructor() {
    const help = 'too many commands wait in the client';
    super(withoutReply('QUEUE_FULL', help, `${help}: this one was not executed`));
  }
}

/** No reply within timeoutMs. */
export class TimeoutError extends SojournError {
  override name = 'TimeoutError';
  /** True: the server may have executed the command. False: it was never sent. */
  readonly isOutcomeUnknown: boolean;

  constructor(timeoutMs: number, isOutcomeUnknown: boolean) {
    const outcome = isOutcomeUnknown
      ? 'it was sent, its outcome is unknown'
      : 'it was not executed';
    super(withoutReply('TIMEOUT', 'no reply in time', `no reply in ${timeoutMs} ms: ${outcome}`));
    this.isOutcomeUnknown = isOutcomeUnknown;
  }
}

/** The client is closed, or was closed before the reply came. */
export class ClosedError extends SojournError {
  override name = 'ClosedError';
  /** True: the server may have executed the command. False: it was never sent. */
  readonly isOutcomeUnknown: boolean;

  constructor(isOutcomeUnknown: boolean) {
    const message = isOutcomeUnknown
      ? 'the client was closed before the reply came: the outcome is unknown'
      : 'the client is closed: the command was not executed';
    super(withoutReply('CLOSED', 'the client is closed', message));
    this.isOutcomeUnknown = isOutcomeUnknown;
  }
}

/** More changes or events came than the loop took, and than maxBuffered allows to wait. */
export class FeedOverflowError extends SojournError {
  override name = 'FeedOverflowError';

  constructor(maxBuffered: number) {
    const help = 'the loop is too slow for what comes in';
    const message = `${help}: ${maxBuffered} wait already, so this feed has ended`;
    super(withoutReply('FEED_OVERFLOW', help, message));
  }
}

/** The server's reply cannot be decoded. */
export class MalformedReplyError extends SojournError {
  override name = 'MalformedReplyError';

  constructor(message: string) {
    super(withoutReply('MALFORMED_REPLY', "the server's reply cannot be decoded", message));
  }
}
