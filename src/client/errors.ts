/**
 * Every error that the SDK rejects with, all of them a SojournError.
 *
 * Two families. A failing status of the server has a class of its own, made from its row of
 * STATUSES; the compiler refuses this file while a failing status lacks one. What happens without a
 * reply (connection lost, time-out, closed) has status 0. Messages hold no token and no value.
 */
import { STATUSES, statusNameOf, type StatusClass, type StatusName } from '../core/statuses.js';

export interface SojournErrorParts {
  readonly status: number;
  readonly code: string;
  readonly statusClass: StatusClass | 'client';
  readonly help: string;
  readonly message: string;
}

export class SojournError extends Error {
  override name = 'SojournError';
  /** The number in the reply; 0 when there was no reply. */
  readonly status: number;
  /** The name of the status, such as NO_SUCH_SESSION. */
  readonly code: string;
  /** Who can do something about it: caller, retry (again later), server; client: no reply came. */
  readonly statusClass: StatusClass | 'client';
  /** One line on the status in general; the message may say more about this case. */
  readonly help: string;

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

export interface StatusErrorClass {
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

export class MalformedCommandError extends statusError('MALFORMED_COMMAND') {
  override name = 'MalformedCommandError';
}
export class MalformedJsonError extends statusError('MALFORMED_JSON') {
  override name = 'MalformedJsonError';
}
export class BadPathError extends statusError('BAD_PATH') {
  override name = 'BadPathError';
}
export class UnknownCommandError extends statusError('UNKNOWN_COMMAND') {
  override name = 'UnknownCommandError';
}
export class BadSyntaxError extends statusError('BAD_SYNTAX') {
  override name = 'BadSyntaxError';
}
export class DisabledError extends statusError('DISABLED') {
  override name = 'DisabledError';
}
export class KeyNotFoundError extends statusError('NO_SUCH_KEY') {
  override name = 'KeyNotFoundError';
}
export class MissingParameterError extends statusError('MISSING_PARAMETER') {
  override name = 'MissingParameterError';
}
export class WrongTypeError extends statusError('WRONG_TYPE') {
  override name = 'WrongTypeError';
}
export class WrongValueError extends statusError('WRONG_VALUE') {
  override name = 'WrongValueError';
}
export class SessionNotFoundError extends statusError('NO_SUCH_SESSION') {
  override name = 'SessionNotFoundError';
}
export class SharedSessionNotFoundError extends statusError('NO_SUCH_SHARED') {
  override name = 'SharedSessionNotFoundError';
}
export class NameTakenError extends statusError('NAME_TAKEN') {
  override name = 'NameTakenError';
}
export class TokenReusedError extends statusError('TOKEN_REUSED') {
  override name = 'TokenReusedError';
}
export class SaveDirectoryError extends statusError('SAVE_DIRECTORY') {
  override name = 'SaveDirectoryError';
}
export class SaveFailedError extends statusError('SAVE_FAILED') {
  override name = 'SaveFailedError';
}
export class LoadFailedError extends statusError('LOAD_FAILED') {
  override name = 'LoadFailedError';
}
export class UnauthenticatedError extends statusError('UNAUTHENTICATED') {
  override name = 'UnauthenticatedError';
}
export class NotAllowedError extends statusError('NOT_ALLOWED') {
  override name = 'NotAllowedError';
}
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
export class TooLargeError extends statusError('TOO_LARGE') {
  override name = 'TooLargeError';
}
export class MemoryLimitError extends statusError('MEMORY_LIMIT') {
  override name = 'MemoryLimitError';
}
export class OwnerLimitError extends statusError('OWNER_LIMIT') {
  override name = 'OwnerLimitError';
}
export class VersionMismatchError extends statusError('VERSION_MISMATCH') {
  override name = 'VersionMismatchError';
}
export class NotANumberError extends statusError('NOT_A_NUMBER') {
  override name = 'NotANumberError';
}
/** The server is about to stop; the command was not executed. Tried again like one that met BUSY. */
export class ShuttingDownError extends statusError('SHUTTING_DOWN') {
  override name = 'ShuttingDownError';
}
export class NotDurableError extends statusError('NOT_DURABLE') {
  override name = 'NotDurableError';
}
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

/** The error of a failing reply. A number newer than this client becomes a plain SojournError. */
export function errorOfStatus(status: number, message: string | undefined): SojournError {
  const code = statusNameOf(status);
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

/** The server's reply cannot be decoded. */
export class MalformedReplyError extends SojournError {
  override name = 'MalformedReplyError';

  constructor(message: string) {
    super(withoutReply('MALFORMED_REPLY', "the server's reply cannot be decoded", message));
  }
}
