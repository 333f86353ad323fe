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
  readNumber,
  skipItem,
  strHeaderBytes,
  TOO_DEEP,
  WALK_DEPTH_MAX,
} from '../protocol/msgpack-walk.js';
import type { ExpiryPolicy } from '../state/deadlines.js';
import { CommandList } from './command-list.js';
import { decodeExpiry } from './expiry-body.js';
import { KeyList } from './key-list.js';
import { emptyPolicy, type Limits } from './limits.js';
import { ONE_KEY_VALUE_AT, readOneKey } from './one-key.js';
import type { Parameter, Parameters } from './parameters.js';
import { scalarRangeFault, scalarTypeFault } from './scalars.js';

const OK = STATUSES.OK.code;
const MALFORMED_COMMAND = STATUSES.MALFORMED_COMMAND.code;
const MISSING_PARAMETER = STATUSES.MISSING_PARAMETER.code;
const WRONG_TYPE = STATUSES.WRONG_TYPE.code;
const WRONG_VALUE = STATUSES.WRONG_VALUE.code;
const TOO_LARGE = STATUSES.TOO_LARGE.code;

const PARAMETERS_MAX = 8;
const NIL_BYTE = 0xc0;
const ABSENT = -1;
const NO_FAULT = PARAMETERS_MAX;
const CUT_SHORT = 'the body is cut short or not msgpack';

export class Body {
  readonly limits: Limits;
  space: ByteSpace;
  /** Keys of the one parameter that names any; of SH_CAS, those to store. */
  readonly keys = new KeyList();
  /** Keys of SH_CAS that are to go; of the command before, where this one names none. */
  readonly removals = new KeyList();
  /** The commands of a batch. */
  readonly commands = new CommandList();
  /** The expiry, where one was given. */
  readonly expiry: ExpiryPolicy = emptyPolicy();
  isLenient = false;
  /** Whether the list of keys named last, as it came, had no item at all. */
  isListEmpty = false;
  /** For people: what was wrong with the body and what was expected. */
  detail = '';
  readonly #starts = new Int32Array(PARAMETERS_MAX);
  readonly #ends = new Int32Array(PARAMETERS_MAX);
  /** The first size that was out of range; types come first. */
  #sizeStatus: number = OK;
  #sizeDetail = '';
  /** The alphabetically first parameter of a wrong type, and the status for it. */
  #typeFault = NO_FAULT;
  #typeStatus: number = OK;

  constructor(limits: Limits, space: ByteSpace) {
    this.limits = limits;
    this.space = space;
  }

  /** @returns OK or the status to refuse with; then `detail` says why. */
  decode(parameters: Parameters, space: ByteSpace, start: number, end: number): number {
    this.space = space;
    if (this.keys.count > 0) this.keys.clear();
    this.#sizeStatus = OK;
    this.#typeFault = NO_FAULT;
    for (let index = 0; index < parameters.length; index += 1) this.#starts[index] = ABSENT;
    if (parameters.length > 0 && this.#isOneKey(parameters[0]!, start, end)) return OK;
    const status = this.#read(parameters, start, end);
    if (status !== OK) return status;
    for (let index = 0; index < parameters.length; index += 1) {
      if (index === this.#typeFault) return this.#typeStatus;
      if (this.#starts[index] !== ABSENT || !parameters[index]!.isRequired) continue;
      this.detail = `${parameters[index]!.name} is missing`;
      return MISSING_PARAMETER;
    }
    if (this.#sizeStatus !== OK) this.detail = this.#sizeDetail;
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

  /** Where a parameter's value lies, its msgpack header included. */
  startOf(index: number): number {
    return this.#starts[index]!;
  }

  endOf(index: number): number {
    return this.#ends[index]!;
  }

  /** The number in a uint, number or seconds parameter; 64-bit integers are rounded. */
  numberOf(index: number): number {
    return readNumber(this.space, this.#starts[index]!);
  }

  /** Offset of a str parameter's characters. */
  textAt(index: number): number {
    const at = this.#starts[index]!;
    return at + strHeaderBytes(this.space.bytes[at]!);
  }

  textBytes(index: number): number {
    return this.#ends[index]! - this.textAt(index);
  }

  isUtf8(index: number): boolean {
    return isUtf8(this.space.bytes, this.textAt(index), this.#ends[index]!);
  }

  #isOneKey({ headerOfOne }: Parameter, start: number, end: number): boolean {
    if (headerOfOne === 0) return false;
    if (!readOneKey(headerOfOne, this.space, start, end, this.limits, this.keys)) return false;
    this.isListEmpty = false;
    this.#starts[0] = start + ONE_KEY_VALUE_AT;
    this.#ends[0] = end;
    return true;
  }

  /** One pass over the body: finds the parameters and checks each where it lies. */
  #read(parameters: Parameters, start: number, end: number): number {
    if (start === end || (end - start === 1 && this.space.bytes[start] === NIL_BYTE)) return OK;
    if (!isMapByte(this.space.bytes[start]!)) return this.#malformed('the body is not a map');
    const headerBytes = containerHeaderBytes(this.space.bytes[start]!);
    if (start + headerBytes > end) return this.#malformed(CUT_SHORT);
    const pairs = containerCount(this.space, start);
    let at = start + headerBytes;
    for (let pair = 0; pair < pairs; pair += 1) {
      const valueAt = skipItem(this.space, at, end, WALK_DEPTH_MAX);
      if (valueAt < 0 || valueAt >= end) return this.#malformed(CUT_SHORT);
      const index = this.#indexOf(parameters, at, valueAt);
      if (index >= 0) {
        at = this.#check(index, parameters[index]!, valueAt, end);
        this.#starts[index] = valueAt;
        this.#ends[index] = at;
      } else {
        at = skipItem(this.space, valueAt, end, WALK_DEPTH_MAX);
      }
      if (at === TOO_DEEP) {
        this.detail = 'a value nests too deeply';
        return WRONG_VALUE;
      }
      if (at === MALFORMED) return this.#malformed(CUT_SHORT);
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

  /** @returns the offset behind the parameter's value, MALFORMED or TOO_DEEP. */
  #check(index: number, parameter: Parameter, at: number, end: number): number {
    const first = this.space.bytes[at]!;
    switch (parameter.type) {
      case 'keys':
        if (isArrayByte(first)) return this.#checkKeys(index, parameter, at, end);
        return this.#wrongType(index, `${parameter.name} must be an array`, at, end);
      case 'map':
        if (isMapByte(first)) return this.#checkMap(index, parameter, at, end);
        return this.#wrongType(index, `${parameter.name} must be a map`, at, end);
      case 'str':
        if (isStrByte(first)) return skipItem(this.space, at, end, WALK_DEPTH_MAX);
        return this.#wrongType(index, `${parameter.name} must be a string`, at, end);
      case 'bool':
        if (first === 0xc2 || first === 0xc3) return at + 1;
        return this.#wrongType(index, `${parameter.name} must be true or false`, at, end);
      case 'expiry':
      case 'expiryOrNil':
        if (first === NIL_BYTE && parameter.type === 'expiryOrNil') return at + 1;
        if (isMapByte(first)) return this.#checkExpiry(index, at, end);
        return this.#wrongType(index, `${parameter.name} must be a map`, at, end);
      case 'any':
        return this.#skipValue(at, end);
      case 'cmds':
        if (isArrayByte(first)) return this.#checkCommands(index, at, end);
        return this.#wrongType(index, `${parameter.name} must be an array`, at, end);
      default:
        return this.#checkScalar(index, parameter, at, end);
    }
  }

  #checkScalar(index: number, parameter: Parameter, at: number, limit: number): number {
    const end = skipItem(this.space, at, limit, WALK_DEPTH_MAX);
    if (end < 0) return end;
    const expected = scalarTypeFault(parameter.type, this.space, at);
    if (expected !== '') {
      this.#fault(index, WRONG_TYPE, `${parameter.name} must be ${expected}`);
      return end;
    }
    const outOfRange = scalarRangeFault(parameter.type, this.space, at, end);
    if (outOfRange !== '') this.#refuseSize(WRONG_VALUE, `${parameter.name} ${outOfRange}`);
    return end;
  }

  #checkCommands(index: number, at: number, end: number): number {
    const { commands } = this;
    const next = commands.read(this.space, at, end);
    if (next < 0) return next;
    if (commands.typeFault !== '') this.#fault(index, WRONG_TYPE, commands.typeFault);
    else if (commands.sizeFault !== '') this.#refuseSize(WRONG_VALUE, commands.sizeFault);
    return next;
  }

  #checkExpiry(index: number, at: number, limit: number): number {
    const end = skipItem(this.space, at, limit, WALK_DEPTH_MAX);
    if (end < 0) return end;
    const { status, detail } = decodeExpiry(this.space, at, end, this.isLenient, this.expiry);
    if (status === WRONG_VALUE) this.#refuseSize(status, detail);
    else if (status !== OK) this.#fault(index, status, detail);
    return end;
  }

  #checkKeys(index: number, parameter: Parameter, at: number, end: number): number {
    const headerBytes = containerHeaderBytes(this.space.bytes[at]!);
    if (at + headerBytes > end) return MALFORMED;
    const count = containerCount(this.space, at);
    let offset = at + headerBytes;
    const list = parameter.isRemovals ? this.removals : this.keys;
    list.clear();
    this.isListEmpty = count === 0;
    if (count > this.limits.keysMax) this.#refuseKeyCount();
    for (let item = 0; item < count; item += 1) {
      const next = skipItem(this.space, offset, end, WALK_DEPTH_MAX);
      if (next < 0) return next;
      const first = this.space.bytes[offset]!;
      if (isStrByte(first)) {
        const keyAt = offset + strHeaderBytes(first);
        if (next - keyAt > this.limits.keyBytesMax) this.#refuseKeySize();
        else if (this.#sizeStatus === OK) list.add(keyAt, next - keyAt, 0, 0);
      } else if (!this.isLenient) {
        this.#fault(index, WRONG_TYPE, `${parameter.name} holds an item that is not a string`);
      }
      offset = next;
    }
    return offset;
  }

  #checkMap(index: number, parameter: Parameter, at: number, end: number): number {
    const headerBytes = containerHeaderBytes(this.space.bytes[at]!);
    if (at + headerBytes > end) return MALFORMED;
    const count = containerCount(this.space, at);
    let offset = at + headerBytes;
    this.keys.clear();
    if (count > this.limits.keysMax) this.#refuseKeyCount();
    for (let item = 0; item < count; item += 1) {
      const valueAt = skipItem(this.space, offset, end, WALK_DEPTH_MAX);
      if (valueAt < 0) return valueAt;
      const next = this.#skipValue(valueAt, end);
      if (next < 0) return next;
      const first = this.space.bytes[offset]!;
      if (isStrByte(first)) this.#addPair(offset + strHeaderBytes(first), valueAt, next);
      else this.#fault(index, WRONG_TYPE, `${parameter.name} holds a key that is not a string`);
      offset = next;
    }
    return offset;
  }

  /** The offset behind a value; one that nests deeper than allowed is noted. */
  #skipValue(at: number, end: number): number {
    const next = skipItem(this.space, at, end, this.limits.valueDepthMax);
    if (next !== TOO_DEEP) return next;
    this.#refuseSize(WRONG_VALUE, `a value nests deeper than ${this.limits.valueDepthMax}`);
    return skipItem(this.space, at, end, WALK_DEPTH_MAX);
  }

  #addPair(keyAt: number, valueAt: number, end: number): void {
    if (valueAt - keyAt > this.limits.keyBytesMax) this.#refuseKeySize();
    else if (!isUtf8(this.space.bytes, keyAt, valueAt)) {
      this.#refuseSize(WRONG_VALUE, 'a key is not UTF-8');
    } else if (this.#sizeStatus === OK) {
      this.keys.add(keyAt, valueAt - keyAt, valueAt, end - valueAt);
    }
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
    this.#sizeDetail = detail;
  }

  /** Notes the fault, and says where the value ends nevertheless. */
  #wrongType(index: number, detail: string, at: number, end: number): number {
    this.#fault(index, WRONG_TYPE, detail);
    return skipItem(this.space, at, end, WALK_DEPTH_MAX);
  }

  /** Of several faults the one of the alphabetically first parameter counts. */
  #fault(index: number, status: number, detail: string): void {
    if (index > this.#typeFault) return;
    this.#typeFault = index;
    this.#typeStatus = status;
    this.detail = detail;
  }

  #malformed(detail: string): number {
    this.detail = detail;
    return MALFORMED_COMMAND;
  }
}
