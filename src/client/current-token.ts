/**
 * The token by which a session is reached. A rotation replaces it: the commands given while the
 * rotation is on its way wait here, encoded, and go out with the token that it brings.
 */
import type { PendingCommand } from './in-flight.js';
import { tokenBytesOf } from './token-text.js';

export class CurrentToken {
  text: string;
  bytes: Uint8Array;
  /** Public id of the session; undefined where only its token is known. */
  id: string | undefined;
  /** The rotation on its way. */
  rotation: PendingCommand | undefined = undefined;
  /** Commands that wait for its end, in the order given. */
  held: PendingCommand[] = [];

  constructor(text: string, bytes: Uint8Array, id?: string) {
    this.text = text;
    this.bytes = bytes;
    this.id = id;
  }

  replace(text: string, bytes: Uint8Array, id: string): void {
    this.text = text;
    this.bytes = bytes;
    this.id = id;
  }
}

/** From the text that users hold; undefined unless it is a token's. */
export function currentTokenFromText(text: unknown): CurrentToken | undefined {
  const bytes = tokenBytesOf(text);
  return bytes === undefined ? undefined : new CurrentToken(text as string, bytes);
}
