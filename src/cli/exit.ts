/** How a run of the command line ends: exit codes, and the errors that lead to them. */
export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
/** EX_SOFTWARE of sysexits.h: a thread of the server died. */
export const EXIT_SOFTWARE = 70;

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked for failed, for a reason the operator can do something about: exit code 1. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
}
