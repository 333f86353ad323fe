/**
 * Refusals (203, 209) of one connection that wait until every earlier command of it is answered. A
 * refusal sent at once would overtake the replies of commands on the same session.
 */
import type { NativeWriter } from '../protocol/native-writer.js';
import type { TextRequest } from './text-lane.js';

export class HeldRefusals {
  readonly #ids: number[] = [];
  readonly #statuses: number[] = [];
  readonly #texts: TextRequest[] = [];
  readonly #textStatuses: number[] = [];

  get size(): number {
    return this.#ids.length + this.#texts.length;
  }

  /** @param text the request, if it came as text; else only its id matters. */
  hold(id: number, status: number, text: TextRequest | undefined): void {
    if (text === undefined) {
      this.#ids.push(id);
      this.#statuses.push(status);
    } else {
      this.#texts.push(text);
      this.#textStatuses.push(status);
    }
  }

  /** Writes the native ones, in order, and fills in the text ones for their lane to send. */
  writeTo(writer: NativeWriter): void {
    for (const [index, id] of this.#ids.entries()) writer.status(id, this.#statuses[index]!);
    for (const [index, text] of this.#texts.entries()) text.refuse(this.#textStatuses[index]!);
  }
}
