/**
 * New tokens, for sessions that start and for those whose token is replaced. A token is made here, on
 * the I/O thread, and waits in the command's ticket for the reply: shards see digests only.
 *
 * With --token-form uint64 commands that came as text get short tokens, and so do shared names,
 * whoever asks: a name must lead to one session.
 */
import { ByteSpace } from '../core/copy.js';
import {
  TOKEN_RAW,
  TOKEN_SHORT,
  TOKEN_TEXT,
  type NativeCommand,
} from '../protocol/native-frame.js';
import { SHORT_TOKEN_BYTES, TOKEN_BYTES } from '../protocol/token.js';
import { FLAG_MINTED, FLAG_NO_TOKEN, FLAG_SHORT_TOKEN, MINTED_BYTES } from '../ring/records.js';
import type { BodyPlace } from './fan-out.js';
import { putDigest } from './owner-commands.js';
import type { TicketTable } from './tickets.js';
import type { Tokens } from './tokens.js';

const DIGEST_WORDS = MINTED_BYTES / 4;

export interface MintingParts {
  readonly tokens: Tokens;
  readonly tickets: TicketTable;
  /** --token-form uint64 */
  readonly isShortForm: boolean;
}

export class Minting {
  readonly #tokens: Tokens;
  readonly #tickets: TicketTable;
  readonly #isShortForm: boolean;
  readonly #oldDigest = new Int32Array(DIGEST_WORDS);

  constructor({ tokens, tickets, isShortForm }: MintingParts) {
    this.#tokens = tokens;
    this.#tickets = tickets;
    this.#isShortForm = isShortForm;
  }

  /**
   * Puts the token of a new session into the ticket; `tokens` sees it.
   *
   * @param name that a shared session's token derives from.
   * @returns flags for the record.
   */
  forStart(ticket: number, name: Uint8Array | undefined, isText: boolean): number {
    const tokens = this.#tokens;
    const { tokens: to, tokenBytes } = this.#tickets;
    const at = this.#tickets.tokenAt(ticket);
    const isShort = this.#isShortForm && (isText || name !== undefined);
    const bytes = isShort ? SHORT_TOKEN_BYTES : TOKEN_BYTES;
    tokenBytes[ticket] = bytes;
    if (name !== undefined) tokens.derive(name, to, at, bytes);
    else if (isShort) tokens.mintShort(to, at);
    else tokens.mint(to, at);
    return isShort ? FLAG_SHORT_TOKEN : 0;
  }

  /**
   * Lets `tokens` see the command's token: digest and slot are those of its session. Without a usable
   * one the slot stays as it is: parameters are checked first, so some shard must see the command.
   *
   * @returns flags for the record.
   */
  see(space: ByteSpace, command: NativeCommand): number {
    const tokens = this.#tokens;
    const { tokenAt, tokenForm } = command;
    if (tokenForm === TOKEN_RAW) tokens.see(space, tokenAt);
    else if (tokenForm === TOKEN_SHORT) tokens.seeShort(space, tokenAt);
    else if (tokenForm !== TOKEN_TEXT || !tokens.seeText(space, tokenAt)) return FLAG_NO_TOKEN;
    return 0;
  }

  /** Flags for the record of a rotation, beside those of see(). */
  rotationFlags(isText: boolean): number {
    return this.#isShortForm && isText ? FLAG_MINTED | FLAG_SHORT_TOKEN : FLAG_MINTED;
  }

  /**
   * Puts a new token of the slot seen last into the ticket; what `tokens` saw last stays seen.
   *
   * @returns the body of the record: the new token's digest, and then the command's body.
   */
  forRotation(ticket: number, body: BodyPlace, isText: boolean): BodyPlace {
    const tokens = this.#tokens;
    const { tokens: to, tokenBytes } = this.#tickets;
    const at = this.#tickets.tokenAt(ticket);
    const { slot } = tokens;
    this.#oldDigest.set(tokens.digest);
    const isShort = this.#isShortForm && isText;
    tokenBytes[ticket] = isShort ? SHORT_TOKEN_BYTES : TOKEN_BYTES;
    if (isShort) tokens.mintShortInSlot(slot, to, at);
    else tokens.mintInSlot(slot, to, at);
    const end = MINTED_BYTES + body.end - body.at;
    const space = new ByteSpace(new ArrayBuffer(end));
    putDigest(space, tokens.digest);
    space.bytes.set(body.space.bytes.subarray(body.at, body.end), MINTED_BYTES);
    tokens.digest.set(this.#oldDigest);
    return { space, at: 0, end };
  }
}
