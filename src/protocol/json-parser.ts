/**
 * JSON text to a tree that loses nothing. Strict (RFC 8259), and iterative: nesting takes no
 * stack.
 *
 * Why not JSON.parse or lossless-json: both put objects into plain objects, which move names that
 * look like array indexes to the front ({"b":1,"10":2,"9":3} comes back as 9, 10, b), and a
 * session's keys keep their insertion order. Both also read 1.0 and 1 alike, and a command tells
 * them apart. JSON.parse rounds integers beyond 2^53 besides. What is left to JSON.parse are
 * strings with escapes.
 */

/**
 * A number written with a fraction or an exponent whose value is a whole number, such as 1.0 or
 * 1e3. It stays a float, where a plain whole number means an integer.
 */
export class WholeFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A number that no 64-bit type holds. It is kept as text, and stored as a string of it. */
export class WideNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type JsonObject = Map<string, JsonValue>;

/**
 * number: an integer of at most 2^53, or a float with a fraction. bigint: an integer beyond, from
 * -2^63 to 2^64 - 1.
 */
export type JsonValue =
  null | boolean | string | number | bigint | WholeFloat | WideNumber | JsonValue[] | JsonObject;

/** A member of the outermost object, with its value as it was written. */
export interface JsonMember {
  readonly value: JsonValue;
  readonly text: string;
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Any integer of so few characters is exact as a number. */
const EXACT_CHARACTERS_MAX = 15;
/** -9223372036854775808 and 18446744073709551615. Longer is outside; BigInt() takes n^2 time. */
const INT64_CHARACTERS_MAX = 20;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** The text nests deeper than its reader allows. */
export class JsonDepthError extends Error {}

/**
 * The members of the object that the text is; undefined for JSON of another kind. Of members of
 * one name, the last counts. Throws SyntaxError and JsonDepthError.
 *
 * @param depthMax containers inside one another in a member's value, at most.
 */
export function parseJsonMembers(
  text: string,
  depthMax: number,
): Map<string, JsonMember> | undefined {
  const parser = new JsonParser(text, depthMax);
  const members = parser.members();
  parser.end();
  return members;
}

class JsonParser {
  readonly #text: string;
  readonly #depthMax: number;
  #at = 0;
  // The containers being filled, outermost first, and the name that each one's next value goes by.
  readonly #open: (JsonValue[] | JsonObject)[] = [];
  readonly #names: string[] = [];

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
  }

  members(): Map<string, JsonMember> | undefined {
    if (!this.#takeNext(OPEN_BRACE)) {
      this.value();
      return undefined;
    }
    const members = new Map<string, JsonMember>();
    if (this.#takeNext(CLOSE_BRACE)) return members;
    do {
      const name = this.#name();
      this.#skipSpace();
      const start = this.#at;
      const value = this.value();
      members.set(name, { value, text: this.#text.slice(start, this.#at) });
    } while (this.#takeNext(COMMA));
    this.#expectNext(CLOSE_BRACE);
    return members;
  }

  value(): JsonValue {
    for (;;) {
      const value = this.#scalarOrEmpty();
      const outermost = value === undefined ? undefined : this.#place(value);
      if (outermost !== undefined) return outermost;
    }
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail();
  }

  /** Reads a value that has no parts. Undefined: a container with parts has been opened. */
  #scalarOrEmpty(): JsonValue | undefined {
    if (this.#takeNext(OPEN_BRACE)) {
      const object: JsonObject = new Map();
      if (this.#takeNext(CLOSE_BRACE)) return object;
      this.#begin(object);
      this.#names.push(this.#name());
      return undefined;
    }
    if (this.#take(OPEN_BRACKET)) {
      const array: JsonValue[] = [];
      if (this.#takeNext(CLOSE_BRACKET)) return array;
      this.#begin(array);
      this.#names.push('');
      return undefined;
    }
    return this.#scalar();
  }

  #begin(container: JsonValue[] | JsonObject): void {
    if (this.#open.length === this.#depthMax) throw new JsonDepthError();
    this.#open.push(container);
  }

  /**
   * Puts a whole value into the container it stands in, closing those that it completes. Returns
   * the outermost value once that is whole.
   */
  #place(whole: JsonValue): JsonValue | undefined {
    let value = whole;
    for (;;) {
      const container = this.#open.at(-1);
      if (container === undefined) return value;
      const isObject = container instanceof Map;
      if (isObject) container.set(this.#names.at(-1) ?? '', value);
      else container.push(value);
      if (this.#takeNext(COMMA)) {
        if (isObject) this.#names[this.#names.length - 1] = this.#name();
        return undefined;
      }
      this.#expectNext(isObject ? CLOSE_BRACE : CLOSE_BRACKET);
      this.#open.pop();
      this.#names.pop();
      value = container;
    }
  }

  #name(): string {
    this.#expectNext(QUOTE);
    const name = this.#string();
    this.#expectNext(COLON);
    return name;
  }

  #scalar(): JsonValue {
    const code = this.#text.charCodeAt(this.#at);
    if (this.#take(QUOTE)) return this.#string();
    if (code === MINUS || isDigit(code)) return this.#number();
    if (this.#takeWord('true')) return true;
    if (this.#takeWord('false')) return false;
    if (this.#takeWord('null')) return null;
    return this.#fail();
  }

  /** The rest of a string whose opening quote has been taken. */
  #string(): string {
    const start = this.#at;
    let isEscaped = false;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      // Control characters, and NaN past the end of the text.
      if (!(code >= 0x20)) this.#fail();
      if (code === BACKSLASH) isEscaped = true;
      this.#at += code === BACKSLASH ? 2 : 1;
    }
    this.#at += 1;
    if (!isEscaped) return this.#text.slice(start, this.#at - 1);
    return JSON.parse(this.#text.slice(start - 1, this.#at)) as string;
  }

  #number(): JsonValue {
    const start = this.#at;
    this.#take(MINUS);
    if (!this.#take(ZERO)) this.#digits();
    const wholeEnd = this.#at;
    if (this.#take(DOT)) this.#digits();
    if (this.#take(LOWER_E) || this.#take(UPPER_E)) {
      if (!this.#take(MINUS)) this.#take(PLUS);
      this.#digits();
    }
    const text = this.#text.slice(start, this.#at);
    return this.#at === wholeEnd ? integerFrom(text) : floatFrom(text);
  }

  #digits(): void {
    if (!isDigit(this.#text.charCodeAt(this.#at))) this.#fail();
    do this.#at += 1;
    while (isDigit(this.#text.charCodeAt(this.#at)));
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at += 1;
    return true;
  }

  #takeWord(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #takeNext(code: number): boolean {
    this.#skipSpace();
    return this.#take(code);
  }

  #expectNext(code: number): void {
    if (!this.#takeNext(code)) this.#fail();
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #fail(): never {
    throw new SyntaxError(`not JSON at character ${this.#at}`);
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function integerFrom(text: string): JsonValue {
  if (text.length <= EXACT_CHARACTERS_MAX) {
    const value = Number(text);
    // No integer type has a negative zero.
    return Object.is(value, -0) ? new WholeFloat(value) : value;
  }
  if (text.length > INT64_CHARACTERS_MAX) return new WideNumber(text);
  const value = BigInt(text);
  if (value < INT64_MIN || value > UINT64_MAX) return new WideNumber(text);
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : value;
}

function floatFrom(text: string): JsonValue {
  const value = Number(text);
  if (!Number.isFinite(value)) return new WideNumber(text);
  return Number.isInteger(value) ? new WholeFloat(value) : value;
}
