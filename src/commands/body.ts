/**
 * Decodes a command's body by the catalogue: finds its parameters, checks that the required ones
 * are there (26) and of the right type (41), visited in alphabetical order, and then their sizes
 * (42, 204). Values are found, not decoded; what it finds stays valid while the body does.
 *
 * Text requests skip items of the wrong type in key lists, as NemesisDB does; others are refused.
 */
import { type ByteSpace } from '../core/copy.js';
import { STATUSES } from '../core/statuses.js';
import {
  containerCount,
  containerHeaderBytes,
  isArrayByte,
  isMapByte,
  isStrByte,
  isUtf8,
  MALFORMED,
  skipItem,
  strHeaderBytes,
  TOO_DEEP,
  WALK_DEPTH_MAX,
} from '../protocol/msgpack-walk.js';
import type { ExpiryPolicy } from '../state/shard-state.js';
import { decodeExpiry } from './expiry-body.js';
import { KeyList } from './key-list.js';
import { emptyPolicy, type Limits } from './limits.js';
import type { Parameter, Parameters } from './parameters.js';

const OK = STATUSES.OK.code;
const MALFORMED_COMMAND = STATUSES.MALFORMED_COMMAND.code;
const MISSING_PARAMETER = STATUSES.MISSING_PARAMETER.code;
const WRONG_TYPE = STATUSES.WRONG_TYPE.code;
const WRONG_VALUE = STATUSES.WRONG_VALUE.code;
const TOO_LARGE = STATUSES.TOO_LARGE.code;

const PARAMETERS_MAX = 8;
const NIL_BYTE = 0xc0;
const ABSENT = -1;

export class Body {
  readonly limits: Limits;
  space: ByteSpace;
  /** Keys of the one parameter that names any. */
  readonly keys = new KeyList();
  /** The expiry, where one was given. */
  readonly expiry: ExpiryPolicy = emptyPolicy();
  isLenient = false;
  /** Whether the list of keys, as it came, had no item at all. */
  isListEmpty = false;
  /** For people: what was wrong with the body and what was expected. */
  detail = '';
  readonly #starts = new Int32Array(PARAMETERS_MAX);
  readonly #ends = new Int32Array(PARAMETERS_MAX);
  /** The first size that was out of range; types come first. */
  #sizeStatus: number = OK;

  constructor(limits: Limits, space: ByteSpace) {
    this.limits = limits;
    this.space = space;
  }

  /** @returns OK or the status to refuse with; then `detail` says why. */
  decode(parameters: Parameters, space: ByteSpace, start: number, end: number): number {
    this.space = space;
    if (this.keys.count > 0) this.keys.clear();
    this.#sizeStatus = OK;
    for (let index = 0; index < parameters.length; index += 1) this.#starts[index] = ABSENT;
    const status = this.#locate(parameters, start, end);
    if (status !== OK) return status;
    for (let index = 0; index < parameters.length; index += 1) {
      const parameter = parameters[index]!;
      if (this.#starts[index] === ABSENT) {
        if (!parameter.isRequired) continue;
        this.detail = `${parameter.name} is missing`;
        return MISSING_PARAMETER;
      }
      const checked = this.#check(parameter, this.#starts[index]!, this.#ends[index]!);
      if (checked !== OK) return checked;
    }
    return this.#sizeStatus;
  }

  has(index: number): boolean {
    return this.#starts[index] !== ABSENT;
  }

  isTrue(index: number): boolean {
    return this.#starts[index] !== ABSENT && this.space.bytes[this.#starts[index]!] === 0xc3;
  }

  isNil(index: number): boolean {
    return this.#starts[index] !== ABSENT && this.space.bytes[this.#starts[index]!] === NIL_BYTE;
  }

  /** Offset of a str parameter's characters. */
  textAt(index: number): number {
    const at = this.#starts[index]!;
    return at + strHeaderBytes(this.space.bytes[at]!);
  }

  textBytes(index: number): number {
    return this.#ends[index]! - this.textAt(index);
  }

  #locate(parameters: Parameters, start: number, end: number): number {
    if (start === end || (end - start === 1 && this.space.bytes[start] === NIL_BYTE)) return OK;
    if (!isMapByte(this.space.bytes[start]!)) return this.#malformed('the body is not a map');
    const headerBytes = containerHeaderBytes(this.space.bytes[start]!);
    if (start + headerBytes > end) return this.#malformed('the body is cut short');
    const pairs = containerCount(this.space, start);
    let at = start + headerBytes;
    for (let pair = 0; pair < pairs; pair += 1) {
      const nameEnd = skipItem(this.space, at, end, WALK_DEPTH_MAX);
      if (nameEnd < 0) return this.#malformed('the body is cut short or not msgpack');
      // One more level than a value may have, for the map of keys that holds the values.
      const valueEnd = skipItem(this.space, nameEnd, end, WALK_DEPTH_MAX);
      if (valueEnd === TOO_DEEP) {
        this.detail = 'a value nests too deeply';
        return WRONG_VALUE;
      }
      if (valueEnd === MALFORMED) return this.#malformed('the body is cut short or not msgpack');
      const index = this.#indexOf(parameters, at, nameEnd);
      if (index >= 0) {
        this.#starts[index] = nameEnd;
        this.#ends[index] = valueEnd;
      }
      at = valueEnd;
    }
    return at === end ? OK : this.#malformed('bytes follow the body');
  }

  #indexOf(parameters: Parameters, at: number, end: number): number {
    const first = this.space.bytes[at]!;
    if (!isStrByte(first)) return -1;
    const nameAt = at + strHeaderBytes(first);
    const length = end - nameAt;
    for (let index = 0; index < parameters.length; index += 1) {
      const name = parameters[index]!.nameSpace.bytes;
      if (name.length !== length) continue;
      let same = 0;
      while (same < length && name[same] === this.space.bytes[nameAt + same]) same += 1;
      if (same === length) return index;
    }
    return -1;
  }

  #check(parameter: Parameter, at: number, end: number): number {
    const first = this.space.bytes[at]!;
    switch (parameter.type) {
      case 'keys':
        return isArrayByte(first) ? this.#checkKeys(at, end) : this.#wrongType(parameter, 'an array');
      case 'map':
        return isMapByte(first) ? this.#checkMap(at, end) : this.#wrongType(parameter, 'a map');
      case 'str':
        return isStrByte(first) ? OK : this.#wrongType(parameter, 'a string');
      case 'bool':
        return first === 0xc2 || first === 0xc3 ? OK : this.#wrongType(parameter, 'true or false');
      case 'expiry':
      case 'expiryOrNil':
        if (first === NIL_BYTE && parameter.type === 'expiryOrNil') return OK;
        if (!isMapByte(first)) return this.#wrongType(parameter, 'a map');
        return this.#checkExpiry(at, end);
      default:
        throw new Error(`no check for parameters of type ${parameter.type}`);
    }
  }

  #checkExpiry(at: number, end: number): number {
    const { status, detail } = decodeExpiry(this.space, at, end, this.isLenient, this.expiry);
    if (status === OK) return OK;
    this.detail = detail;
    if (status !== WRONG_VALUE) return status;
    this.#refuseSize(status, detail);
    return OK;
  }

  #checkKeys(at: number, end: number): number {
    const count = containerCount(this.space, at);
    let offset = at + containerHeaderBytes(this.space.bytes[at]!);
    this.isListEmpty = count === 0;
    if (count > this.limits.keysMax) this.#refuseKeyCount();
    for (let item = 0; item < count; item += 1) {
      const first = this.space.bytes[offset]!;
      const next = skipItem(this.space, offset, end, WALK_DEPTH_MAX);
      if (isStrByte(first)) {
        const keyAt = offset + strHeaderBytes(first);
        if (next - keyAt > this.limits.keyBytesMax) this.#refuseKeySize();
        else if (this.#sizeStatus === OK) this.keys.add(keyAt, next - keyAt, 0, 0);
      } else if (!this.isLenient) {
        this.detail = 'keys holds an item that is not a string';
        return WRONG_TYPE;
      }
      offset = next;
    }
    return OK;
  }

  #checkMap(at: number, end: number): number {
    const count = containerCount(this.space, at);
    let offset = at + containerHeaderBytes(this.space.bytes[at]!);
    if (count > this.limits.keysMax) this.#refuseKeyCount();
    for (let item = 0; item < count; item += 1) {
      const first = this.space.bytes[offset]!;
      const valueAt = skipItem(this.space, offset, end, WALK_DEPTH_MAX);
      if (!isStrByte(first)) {
        this.detail = 'keys holds a key that is not a string';
        return WRONG_TYPE;
      }
      const keyAt = offset + strHeaderBytes(first);
      offset = skipItem(this.space, valueAt, end, this.limits.valueDepthMax);
      if (offset === TOO_DEEP) {
        this.#refuseSize(WRONG_VALUE, `a value nests deeper than ${this.limits.valueDepthMax}`);
        offset = skipItem(this.space, valueAt, end, WALK_DEPTH_MAX);
      }
      const keyBytes = valueAt - keyAt;
      if (keyBytes > this.limits.keyBytesMax) this.#refuseKeySize();
      else if (!isUtf8(this.space.bytes, keyAt, valueAt)) {
        this.#refuseSize(WRONG_VALUE, 'a key is not UTF-8');
      } else if (this.#sizeStatus === OK) {
        this.keys.add(keyAt, keyBytes, valueAt, offset - valueAt);
      }
    }
    return OK;
  }

  #refuseKeyCount(): void {
    this.#refuseSize(TOO_LARGE, `a command may name at most ${this.limits.keysMax} keys`);
  }

  #refuseKeySize(): void {
    this.#refuseSize(WRONG_VALUE, `a key has at most ${this.limits.keyBytesMax} bytes`);
  }

  #refuseSize(status: number, detail: string): void {
    if (this.#sizeStatus !== OK) return;
    this.#sizeStatus = status;
    this.detail = detail;
  }

  #wrongType(parameter: Parameter, expected: string): number {
    this.detail = `${parameter.name} must be ${expected}`;
    return WRONG_TYPE;
  }

  #malformed(detail: string): number {
    this.detail = detail;
    return MALFORMED_COMMAND;
  }
}
