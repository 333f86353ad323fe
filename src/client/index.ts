/** `sojourn/client`: all that users of the SDK import. */
export { connect, Client } from './client.js';
export type { NewSessionOptions, OpenSessionOptions } from './client.js';
export type {
  Change,
  ClearedChange,
  FinalChange,
  GapChange,
  RemovedChange,
  RotatedChange,
  SetChange,
  WatchOptions,
} from './changes.js';
export type { RowOf, WireName } from './command-plan.js';
export { DataMap } from './data-map.js';
export type { BatchMap, CasChanges, Versioned } from './data-map.js';
export { DefaultMap } from './default-map.js';
export { Session } from './session.js';
export type { RotateOptions, SessionDescription } from './session.js';
export type {
  EventsOptions,
  GapEvent,
  ServerEvent,
  SessionEvent,
  SessionEventKind,
  UnsubscribedEvent,
} from './server-events.js';
export type * from './shapes.js';
export type { ClientOptions, Credentials, ReconnectOptions, Timers } from './options.js';
export type { BodyOf, CommandName, DataCommandName, ResultOf } from '../protocol/catalogue.js';
export type {
  Expiry,
  ExpiryState,
  ListedSession,
  ThreadDurations,
  ThreadFigures,
} from '../protocol/value-types.js';
export {
  BadPathError,
  BadSyntaxError,
  BusyError,
  ClosedError,
  ConnectError,
  ConnectionLostError,
  DisabledError,
  FeedOverflowError,
  InternalError,
  KeyNotFoundError,
  LoadFailedError,
  MalformedCommandError,
  MalformedJsonError,
  MalformedReplyError,
  MemoryLimitError,
  MissingParameterError,
  NameTakenError,
  NotANumberError,
  NotAllowedError,
  NotDurableError,
  OwnerLimitError,
  QueueFullError,
  RateLimitedError,
  SaveDirectoryError,
  SaveFailedError,
  SessionNotFoundError,
  SharedSessionNotFoundError,
  ShuttingDownError,
  SojournError,
  TimeoutError,
  TokenReusedError,
  TooLargeError,
  UnauthenticatedError,
  UnknownCommandError,
  VersionMismatchError,
  WrongTypeError,
  WrongValueError,
} from './errors.js';
export type { StatusClass } from '../core/statuses.js';
