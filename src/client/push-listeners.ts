/** Those who hear what no command asked for. */
import type { SojournError } from './errors.js';
import type { ReplyReader } from './reply-reader.js';
import { membersOf, type Members } from './results.js';

export interface PushListener {
  /** A push; it may be another's. */
  pushed(event: string, body: Members): void;
  /** There is a connection again, and it is authenticated as the last one was. */
  reconnected(): void;
  /** No push will come any more; the error is absent if the client was closed. */
  ended(error: SojournError | undefined): void;
}

export class PushListeners {
  readonly #listeners: PushListener[] = [];
  #wasReady = false;

  add(listener: PushListener): void {
    this.#listeners.push(listener);
  }

  /** Throws MalformedReplyError. Id 0 with a status is the reply to a frame that was none: no push. */
  pushed(reader: ReplyReader): void {
    if (reader.event === undefined || this.#listeners.length === 0) return;
    const body = membersOf(reader);
    for (const listener of this.#listeners) listener.pushed(reader.event, body);
  }

  /** A connection is ready; they hear of all but the first. */
  ready(): void {
    if (this.#wasReady) for (const listener of this.#listeners) listener.reconnected();
    this.#wasReady = true;
  }

  ended(error?: SojournError): void {
    for (const listener of this.#listeners) listener.ended(error);
  }
}
