/**
 * Checks the bodies of commands that main answers, and puts them in main's terms. Tokens become
 * digests here: main, like everyone else, never sees one.
 *
 * Order of checks: 14 before all else where the server has no data directory (but SH_LOAD and KV_LOAD
 * then say 142, in their turn), name (26, 41), tkns (41), then the values: 42, 204.
 */
import type { MainRequest } from '../config/main-call.js';
import { SELECTED_WORDS } from '../config/walk-messages.js';
import type { ByteSpace } from '../core/copy.js';
import { assert } from '../core/errors.js';
import { isSetName, SET_NAME_RULE } from '../core/set-name.js';
import { STATUSES } from '../core/statuses.js';
import { entryByOp } from '../protocol/catalogue.js';
import { NativeCursor, REFUSED } from '../protocol/native-cursor.js';
import type { NativeCommand } from '../protocol/native-frame.js';
import { TokenListReader } from './token-list.js';
import type { Tokens } from './tokens.js';

export interface MainRefusal {
  readonly status: number;
  readonly reason: string;
}

const NOT_A_BODY = refusal('MALFORMED_COMMAND', 'the body must be a map or nil');
const DISABLED = refusal('DISABLED', 'the server keeps no data directory (--memory)');
const NO_NAME = refusal('MISSING_PARAMETER', 'name is missing');
const NAME_NO_TEXT = refusal('WRONG_TYPE', 'name must be a string');
const BAD_NAME = refusal('WRONG_VALUE', SET_NAME_RULE);
const NOT_A_LIST = refusal('WRONG_TYPE', 'tkns must be a list of tokens');
const EMPTY_LIST = refusal('WRONG_VALUE', 'tkns must name at least one token');
const LONG_LIST = refusal('TOO_LARGE', 'tkns lists more than --max-keys');

export interface MainRequestLimits {
  /** Tokens in one list. */
  readonly itemsMax: number;
  readonly hasDataDirectory: boolean;
}

export class MainRequestReader {
  readonly #tokens: Tokens;
  readonly #limits: MainRequestLimits;
  readonly #cursor = new NativeCursor();

  constructor(tokens: Tokens, limits: MainRequestLimits) {
    this.#tokens = tokens;
    this.#limits = limits;
  }

  read(space: ByteSpace, command: NativeCommand): MainRequest | MainRefusal {
    const name = entryByOp[command.op]?.command;
    const isLoad = name === 'SH_LOAD' || name === 'KV_LOAD';
    if (!this.#limits.hasDataDirectory && !isLoad) return DISABLED;
    this.#cursor.open(space.view, command.bodyAt, command.bodyEnd);
    if (!this.#cursor.isAtBody()) return NOT_A_BODY;
    if (name === 'SV_SNAPSHOT') return { command: name };
    if (name === 'SH_SAVE') return this.#readSave(space, command);
    assert(isLoad || name === 'KV_SAVE', 'every command of main has a request');
    const setName = this.#readName(space, command);
    if (typeof setName !== 'string') return setName;
    return isSetName(setName) ? { command: name, name: setName } : BAD_NAME;
  }

  #readSave(space: ByteSpace, command: NativeCommand): MainRequest | MainRefusal {
    const name = this.#readName(space, command);
    if (typeof name !== 'string') return name;
    const items = this.#findList(space, command);
    if (items === REFUSED) return NOT_A_LIST;
    const isOver = items !== undefined && items > this.#limits.itemsMax;
    const digests = items === undefined || isOver ? undefined : this.#readDigests(space, items);
    if (digests === REFUSED) return NOT_A_LIST;
    if (!isSetName(name)) return BAD_NAME;
    if (items === 0) return EMPTY_LIST;
    if (isOver) return LONG_LIST;
    return { command: 'SH_SAVE', name, digests };
  }

  /** The name as latin-1, which is enough to see whether it is one. */
  #readName(space: ByteSpace, command: NativeCommand): string | MainRefusal {
    if (!this.#find(space, command, 'name')) return NO_NAME;
    const bytes = this.#cursor.strLength();
    if (bytes === REFUSED) return NAME_NO_TEXT;
    // A name that is far too long needs no reading.
    if (bytes > 1_024) return '';
    const { at } = this.#cursor;
    return String.fromCharCode(...space.bytes.subarray(at, at + bytes));
  }

  /** How many tokens `tkns` lists; undefined if it is absent, REFUSED if it is no list. */
  #findList(space: ByteSpace, command: NativeCommand): number | undefined {
    return this.#find(space, command, 'tkns') ? this.#cursor.arrayCount() : undefined;
  }

  #find(space: ByteSpace, { bodyAt, bodyEnd }: NativeCommand, name: string): boolean {
    this.#cursor.open(space.view, bodyAt, bodyEnd);
    return this.#cursor.findMember(name) === 1;
  }

  /** What can be no token is left out: it has no session. */
  #readDigests(space: ByteSpace, items: number): Int32Array | typeof REFUSED {
    const tokens = this.#tokens;
    const list = new TokenListReader(this.#cursor, space, tokens);
    const words = new Int32Array(items * SELECTED_WORDS);
    let length = 0;
    for (let item = 0; item < items; item += 1) {
      if (!list.take()) return REFUSED;
      if (list.bytes === 0) continue;
      words.set(tokens.digest, length);
      words[length + SELECTED_WORDS - 1] = tokens.slot;
      length += SELECTED_WORDS;
    }
    return words.slice(0, length);
  }
}

function refusal(status: keyof typeof STATUSES, reason: string): MainRefusal {
  return { status: STATUSES[status].code, reason };
}
