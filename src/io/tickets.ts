/**
 * Notes that the I/O thread keeps about the few commands whose replies it must do something with:
 * put the minted token in, turn into text, gather with others. The number of a note, its ticket,
 * travels with the command and comes back with the reply, so every note is given back.
 */
import { ByteSpace } from '../core/copy.js';
import { TOKEN_BYTES } from '../protocol/token.js';
import type { FanOut } from './fan-out.js';
import type { TextRequest } from './text-lane.js';

export const NO_TICKET = 0;
const FIRST_TICKETS = 256;

/** TextRequest: the reply goes out as text. FanOut: it is one part of several. */
export type Note = TextRequest | FanOut | undefined;

export class TicketTable {
  /** The token of each ticket, at tokenAt(), and its length: 24 or 8 bytes. */
  tokenBytes = new Uint8Array(FIRST_TICKETS);
  tokens = new ByteSpace(new ArrayBuffer(FIRST_TICKETS * TOKEN_BYTES));
  readonly #notes: Note[] = new Array<Note>(FIRST_TICKETS).fill(undefined);
  /** Free tickets, the next to be taken last. */
  readonly #free: number[] = [];

  constructor() {
    this.#addFree(1, FIRST_TICKETS);
  }

  /** Tickets taken and not given back. */
  get size(): number {
    return this.#notes.length - 1 - this.#free.length;
  }

  take(note: Note): number {
    if (this.#free.length === 0) this.#grow();
    const ticket = this.#free.pop()!;
    this.#notes[ticket] = note;
    return ticket;
  }

  noteOf(ticket: number): Note {
    return this.#notes[ticket];
  }

  tokenAt(ticket: number): number {
    return ticket * TOKEN_BYTES;
  }

  giveBack(ticket: number): void {
    this.#notes[ticket] = undefined;
    this.#free.push(ticket);
  }

  #grow(): void {
    const count = this.#notes.length;
    const grown = new ByteSpace(new ArrayBuffer(count * 2 * TOKEN_BYTES));
    grown.bytes.set(this.tokens.bytes);
    this.tokens = grown;
    const bytes = new Uint8Array(count * 2);
    bytes.set(this.tokenBytes);
    this.tokenBytes = bytes;
    for (let i = 0; i < count; i += 1) this.#notes.push(undefined);
    this.#addFree(count, count * 2);
  }

  #addFree(from: number, to: number): void {
    for (let ticket = to - 1; ticket >= from; ticket -= 1) this.#free.push(ticket);
  }
}
