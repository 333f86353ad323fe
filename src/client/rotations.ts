/**
 * Which sessions have a rotation on its way, and what waits for it. A command given after rotate()
 * would come too late with the old token, so it is held until the server has answered, and then
 * goes out with the token that the session has by then: the new one, or the old one where the
 * rotation failed. It is over with its reply, with the connection, or when it is given up unsent; a
 * rotation that only timed out may still be answered, and is not.
 */
import { withToken } from './command-writer.js';
import type { CurrentToken } from './current-token.js';
import type { PendingCommand } from './in-flight.js';

export class Rotations {
  readonly #tokens = new Set<CurrentToken>();

  /** Notes that the command is on its way, if it is a rotation. */
  begin(command: PendingCommand): void {
    if (!command.plan.isRotation || command.token === undefined) return;
    command.token.rotation = command;
    this.#tokens.add(command.token);
  }

  /** If the command is a rotation that others wait for: those that can go now, in their order. */
  end(command: PendingCommand): PendingCommand[] {
    const token = command.token;
    if (token?.rotation !== command) return [];
    token.rotation = undefined;
    this.#tokens.delete(token);
    const held = token.held.filter((each) => !each.isSettled);
    // The next rotation among them holds those behind it.
    const next = held.findIndex((each) => each.plan.isRotation);
    const free = next < 0 ? held : held.slice(0, next + 1);
    token.held = held.slice(free.length);
    for (const each of free) {
      if (each.encoded !== undefined) each.encoded = withToken(each.encoded, token.bytes);
      this.begin(each);
    }
    return free;
  }

  /** Rotations that were given up before they were sent. */
  givenUp(): PendingCommand[] {
    const rotations = [...this.#tokens].map((token) => token.rotation);
    return rotations.filter(
      (each) => each?.isSettled === true && each.encoded !== undefined,
    ) as PendingCommand[];
  }

  /** All commands that wait. */
  held(): PendingCommand[] {
    return [...this.#tokens].flatMap((token) => token.held);
  }
}
