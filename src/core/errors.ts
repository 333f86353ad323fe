/**
 * A caller's mistake, on its way to a failing reply. Three kinds of failure, three mechanisms:
 *
 *   expected outcome (no such session)  -> a returned status, never a throw
 *   caller's mistake (bad argument)     -> CommandError, encoded into the reply
 *   our mistake (broken invariant)      -> assert, which ends the thread and so the process
 */
import { STATUSES, type StatusName } from './statuses.js';

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly status: StatusName;

  /** @param detail what was wrong and what was expected; goes to the client: no token, no value. */
  constructor(status: StatusName, detail: string) {
    super(detail);
    this.status = status;
  }

  get code(): number {
    return STATUSES[this.status].code;
  }
}

/** Our own invariant is broken: ends the thread. Browser-safe stand-in for node:assert. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}
