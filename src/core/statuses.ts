/**
 * Every status a reply can carry, once: number, class and one line of help. A released number keeps
 * its meaning for good. Numbers below 110 and from 120 to 142 are those of NemesisDB.
 *
 * Classes, as in HTTP: ok, caller (fix the request), retry (the same request may succeed later),
 * server (our fault).
 */
export type StatusClass = 'ok' | 'caller' | 'retry' | 'server';

export interface StatusSpec {
  readonly code: number;
  readonly class: StatusClass;
  readonly help: string;
}

export const STATUSES = {
  OK: { code: 1, class: 'ok', help: 'done' },
  MALFORMED_COMMAND: { code: 2, class: 'caller', help: 'the binary command cannot be decoded' },
  MALFORMED_JSON: { code: 3, class: 'caller', help: 'the text frame is not JSON' },
  BAD_PATH: { code: 4, class: 'caller', help: 'the path expression cannot be parsed' },
  UNKNOWN_COMMAND: { code: 10, class: 'caller', help: 'there is no such command' },
  BAD_SYNTAX: { code: 13, class: 'caller', help: 'the request has the wrong shape' },
  DISABLED: { code: 14, class: 'caller', help: 'the command is switched off on this server' },
  NO_SUCH_KEY: { code: 22, class: 'caller', help: 'the session has no such key' },
  MISSING_PARAMETER: { code: 26, class: 'caller', help: 'a required parameter is absent' },
  WRONG_TYPE: { code: 41, class: 'caller', help: 'a parameter has the wrong type' },
  WRONG_VALUE: { code: 42, class: 'caller', help: 'a parameter has a value or size out of range' },
  NO_SUCH_SESSION: { code: 100, class: 'caller', help: 'no live session has this token or id' },
  NO_SUCH_SHARED: { code: 102, class: 'caller', help: 'no shared session has this name' },
  NAME_TAKEN: { code: 103, class: 'caller', help: 'a shared session of this name exists already' },
  TOKEN_REUSED: { code: 110, class: 'caller', help: 'the token was replaced by a rotation' },
  SAVED: { code: 121, class: 'ok', help: 'the data set is saved' },
  SAVE_DIRECTORY: { code: 122, class: 'server', help: 'the save directory cannot be written' },
  SAVE_FAILED: { code: 123, class: 'server', help: 'saving failed' },
  LOADED: { code: 141, class: 'ok', help: 'the data set is loaded' },
  LOAD_FAILED: { code: 142, class: 'caller', help: 'the data set cannot be loaded' },
  UNAUTHENTICATED: { code: 200, class: 'caller', help: 'authentication is needed' },
  NOT_ALLOWED: { code: 201, class: 'caller', help: 'the user lacks the right' },
  RATE_LIMITED: { code: 202, class: 'retry', help: 'too many requests, slow down' },
  BUSY: { code: 203, class: 'retry', help: 'too many commands in flight, try again' },
  TOO_LARGE: { code: 204, class: 'caller', help: 'the frame, value or session is too large' },
  MEMORY_LIMIT: { code: 205, class: 'retry', help: 'the memory limit is reached' },
  OWNER_LIMIT: { code: 206, class: 'caller', help: "the owner's session limit is reached" },
  VERSION_MISMATCH: { code: 207, class: 'caller', help: 'the session changed meanwhile' },
  NOT_A_NUMBER: { code: 208, class: 'caller', help: 'the value is not a number' },
  SHUTTING_DOWN: { code: 209, class: 'retry', help: 'the server is shutting down' },
  NOT_DURABLE: { code: 210, class: 'server', help: 'the write could not be made durable' },
  INTERNAL: { code: 1000, class: 'server', help: 'internal error' },
} as const satisfies Record<string, StatusSpec>;

export type StatusName = keyof typeof STATUSES;

const nameByCode = new Map<number, StatusName>(
  Object.entries(STATUSES).map(([name, spec]) => [spec.code, name as StatusName]),
);

/** The name of a status number; undefined for one that this version does not know. */
export function statusNameOf(code: number): StatusName | undefined {
  return nameByCode.get(code);
}

/** Whether a reply of this status is a success (1, 121, 141). */
export function isOkStatus(code: number): boolean {
  const name = nameByCode.get(code);
  return name !== undefined && STATUSES[name].class === 'ok';
}
