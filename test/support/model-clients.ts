/** How the commands of the reference model travel: as a native or as a text frame, and back. */
import { JsonCursor } from '../../src/protocol/json-cursor.js';
import { packJson, type PackValue } from '../../src/protocol/json-packer.js';
import { WholeFloat, type JsonValue } from '../../src/protocol/json-parser.js';
import { jsonTextAt } from '../../src/protocol/json-writer.js';
import { commandEntryOf } from '../../src/protocol/catalogue.js';
import { tokenToText } from '../../src/protocol/token.js';
import { parseJson } from './json.js';
import type { RawClient } from './raw-client.js';

/** A command with tokens as bytes, and batches as [name, body]. */
export interface SentCommand {
  readonly name: string;
  readonly token: Uint8Array | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An integer is a bigint, a float a number. */
export type ReceivedValue =
  null | boolean | string | number | bigint | ReceivedValue[] | Map<string, ReceivedValue>;

/** Tokens are text here: that of 24 bytes, or the digits of 8. */
export interface ReceivedReply {
  readonly status: number;
  readonly body: ReadonlyMap<string, ReceivedValue>;
}

/** What came without being asked for. */
export interface ReceivedPush {
  readonly event: string;
  readonly body: ReadonlyMap<string, ReceivedValue>;
}

export interface ModelClient {
  readonly isText: boolean;
  /** In the order they came. */
  readonly pushes: ReceivedPush[];
  send(command: SentCommand): void;
  /** The reply to the earliest command that has none yet. */
  receive(): Promise<ReceivedReply>;
}

/** One command at a time: replies of several sessions may come in any order. */
export class NativeModelClient implements ModelClient {
  readonly isText = false;
  readonly pushes: ReceivedPush[] = [];
  readonly #client: RawClient;
  #sent = 0;
  #received = 0;
  readonly #replies = new Map<number, ReceivedReply>();

  constructor(client: RawClient) {
    this.#client = client;
  }

  send({ name, token, body }: SentCommand): void {
    this.#sent += 1;
    const { op } = commandEntryOf(name)!;
    const command = packJson([op, this.#sent, token ?? null, packable(body, true)]);
    this.#client.send(packJson(command));
  }

  async receive(): Promise<ReceivedReply> {
    this.#received += 1;
    for (;;) {
      const reply = this.#replies.get(this.#received);
      this.#replies.delete(this.#received);
      if (reply !== undefined) return reply;
      const message = await this.#client.next();
      if (typeof message === 'string') throw new Error(`a text reply: ${message}`);
      this.#take(message);
    }
  }

  #take(message: Uint8Array): void {
    const bins = new JsonCursor(message);
    while (bins.at < message.length) {
      bins.next();
      const cursor = new JsonCursor(bins.takeBytes().slice());
      const [id, status, body] = fromJson(
        parseJson(jsonTextAt(cursor, { keepsWholeFloats: true })),
      ) as [bigint, bigint | string, ReceivedReply['body'] | null];
      if (typeof status === 'string') this.pushes.push({ event: status, body: new Map(body) });
      else this.#replies.set(Number(id), { status: Number(status), body: withoutWords(body) });
    }
  }
}

export class TextModelClient implements ModelClient {
  readonly isText = true;
  readonly pushes: ReceivedPush[] = [];
  readonly #client: RawClient;
  readonly #names: string[] = [];

  constructor(client: RawClient) {
    this.#client = client;
  }

  send({ name, token, body }: SentCommand): void {
    this.#names.push(name);
    const members = token === undefined ? body : { ...body, tkn: token };
    this.#client.send(`{"${name}":${toJson(packable(members, false))}}`);
  }

  async receive(): Promise<ReceivedReply> {
    const message = String(await this.#client.next());
    const reply = fromJson(parseJson(message)) as ReadonlyMap<string, ReceivedReply['body']>;
    const push = new Map(reply.get('PUSH'));
    if (push.size > 0) {
      const event = String(push.get('event'));
      push.delete('event');
      this.pushes.push({ event, body: push });
      return await this.receive();
    }
    const body = new Map(reply.get(`${this.#names.shift() ?? ''}_RSP`));
    if (!body.has('st')) throw new Error(message);
    const status = Number(body.get('st'));
    body.delete('st');
    return { status, body };
  }
}

/** The text of a token's bytes as replies have it. */
export function textOfToken(token: Uint8Array): string {
  if (token.length === 24) return tokenToText(token);
  return String(new DataView(token.buffer, token.byteOffset).getBigUint64(0));
}

/** What the packer takes. In a native batch commands go by their numbers. */
function packable(value: unknown, isNative: boolean): PackValue {
  if (typeof value === 'number') return Number.isInteger(value) ? new WholeFloat(value) : value;
  if (typeof value === 'bigint') return BigInt.asIntN(54, value) === value ? Number(value) : value;
  if (value instanceof Uint8Array || value === null || typeof value !== 'object') {
    return value as PackValue;
  }
  if (Array.isArray(value)) return value.map((each) => packable(each, isNative));
  const pairs = value instanceof Map ? [...value] : Object.entries(value);
  return new Map(
    pairs.map(([name, each]: [string, unknown]) => {
      const isBatch = isNative && name === 'cmds' && Array.isArray(each);
      return [name, packable(isBatch ? withNumbers(each) : each, isNative)];
    }),
  );
}

function withNumbers(commands: readonly unknown[]): unknown[] {
  return (commands as [string, unknown][]).map(([name, body]) => [
    BigInt(commandEntryOf(name)?.op ?? 0),
    body,
  ]);
}

function toJson(value: PackValue): string {
  if (value instanceof WholeFloat) return floatText(value.value);
  if (value instanceof Uint8Array) {
    return value.length === 24 ? `"${tokenToText(value)}"` : textOfToken(value);
  }
  if (Array.isArray(value)) return `[${value.map(toJson).join()}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([name, each]) => `${JSON.stringify(name)}:${toJson(each)}`).join()}}`;
  }
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

function fromJson(value: JsonValue): ReceivedValue {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof WholeFloat) return value.value;
  if (Array.isArray(value)) return value.map(fromJson);
  if (value instanceof Map) {
    return new Map([...value].map(([name, each]) => [name, fromJson(each)]));
  }
  if (value !== null && typeof value === 'object') throw new Error('a number beyond 64 bits');
  return value;
}

/** A whole number as JSON that says that it is a float. */
function floatText(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value);
  return text.includes('e') ? text : `${text}.0`;
}

/** Without what is said to people, also by the commands of a batch. */
function withoutWords(body: ReceivedReply['body'] | null): ReceivedReply['body'] {
  const known = new Map(body ?? []);
  known.delete('m');
  const rsps = known.get('rsps') as [bigint, Map<string, ReceivedValue> | null][] | undefined;
  for (const [, each] of rsps ?? []) each?.delete('m');
  return known;
}
