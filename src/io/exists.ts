/**
 * SH_EXISTS over all shards. The tokens are turned into digests here, each shard is asked about its
 * own and answers one byte for each, and the reply lists those that live in the order asked for.
 */
import { ByteSpace } from '../core/copy.js';
import { DIGEST_WORDS } from '../core/siphash.js';
import { shardOf } from '../core/slots.js';
import { STATUSES } from '../core/statuses.js';
import { NativeCursor, REFUSED } from '../protocol/native-cursor.js';
import type { NativeWriter } from '../protocol/native-writer.js';
import { TOKEN_BYTES } from '../protocol/token.js';
import { EXISTS_ITEM_BYTES, FLAG_LENIENT } from '../ring/records.js';
import { PartReader, pushPart, type BodyPlace, type Caller, type FanOut } from './fan-out.js';
import type { RequestHeader } from './shard-link.js';
import { TokenListReader } from './token-list.js';
import type { Tokens } from './tokens.js';
import type { Traffic } from './traffic.js';

interface Refusal {
  readonly status: number;
  readonly reason: string;
}

const NO_TOKENS = {
  status: STATUSES.MISSING_PARAMETER.code,
  reason: 'tkns is missing',
} satisfies Refusal;
const NOT_A_LIST = {
  status: STATUSES.WRONG_TYPE.code,
  reason: 'tkns must be a list of tokens',
} satisfies Refusal;
const NOT_A_MAP = {
  status: STATUSES.MALFORMED_COMMAND.code,
  reason: 'the body must be a map or nil',
} satisfies Refusal;

/** The tokens that one shard is asked about, as the body of its part. */
class ShardPart {
  body = new ByteSpace(new ArrayBuffer(16 * EXISTS_ITEM_BYTES));
  items = 0;
  /** One byte for each item, once answered. */
  live: Uint8Array = new Uint8Array(0);
  /** The next item to be read when the reply is written. */
  readAt = 0;

  add(digest: Int32Array, slot: number): void {
    const at = this.items * EXISTS_ITEM_BYTES;
    if (at === this.body.bytes.length) this.#grow();
    for (let i = 0; i < DIGEST_WORDS; i += 1) {
      this.body.view.setInt32(at + i * 4, digest[i]!, true);
    }
    this.body.view.setInt32(at + DIGEST_WORDS * 4, slot, true);
    this.items += 1;
  }

  #grow(): void {
    const grown = new ByteSpace(new ArrayBuffer(this.body.bytes.length * 2));
    grown.bytes.set(this.body.bytes);
    this.body = grown;
  }
}

export class ExistsFanOut implements FanOut {
  readonly caller: Caller;
  readonly #body: BodyPlace;
  readonly #tokens: Tokens;
  readonly #cursor = new NativeCursor();
  /** Every token asked for that can exist, in request order: where its bytes lie in #asked. */
  #asked = new ByteSpace(new ArrayBuffer(0));
  #askedCount = 0;
  #askedShards = new Uint8Array(0);
  #askedBytes = new Uint8Array(0);
  #parts: readonly ShardPart[] = [];
  #partsLeft = 0;
  #refusal: Refusal | undefined;

  constructor(caller: Caller, body: BodyPlace, tokens: Tokens) {
    this.caller = caller;
    this.#body = body;
    this.#tokens = tokens;
  }

  start(traffic: Traffic, header: RequestHeader): number {
    this.#parts = traffic.links.map(() => new ShardPart());
    this.#refusal = this.#readBody(traffic.config.maxKeys, (header.flags & FLAG_LENIENT) !== 0);
    if (this.#refusal !== undefined) return 0;
    header.slot = 0;
    for (const [shard, part] of this.#parts.entries()) {
      if (part.items === 0) continue;
      const body = { space: part.body, at: 0, end: part.items * EXISTS_ITEM_BYTES };
      pushPart(traffic, header, { shard, body, fanOut: this });
      this.#partsLeft += 1;
    }
    return this.#partsLeft;
  }

  #readBody(itemsMax: number, isLenient: boolean): Refusal | undefined {
    const { space, at, end } = this.#body;
    const cursor = this.#cursor;
    cursor.open(space.view, at, end);
    if (!cursor.isAtBody()) return NOT_A_MAP;
    if (cursor.takeNil()) return NO_TOKENS;
    const found = cursor.findMember('tkns');
    if (found === REFUSED) return NOT_A_MAP;
    if (found === 0) return NO_TOKENS;
    const items = cursor.arrayCount();
    if (items === REFUSED) return NOT_A_LIST;
    if (items > itemsMax) {
      return { status: STATUSES.TOO_LARGE.code, reason: 'tkns lists more than --max-keys' };
    }
    this.#asked = new ByteSpace(new ArrayBuffer(items * TOKEN_BYTES));
    this.#askedShards = new Uint8Array(items);
    this.#askedBytes = new Uint8Array(items);
    const list = new TokenListReader(cursor, space, this.#tokens);
    for (let item = 0; item < items; item += 1) {
      if (!list.take() && !isLenient) return NOT_A_LIST;
      if (list.bytes > 0) this.#ask(list.space, list.at, list.bytes);
    }
    return undefined;
  }

  #ask(space: ByteSpace, at: number, bytes: number): void {
    const shard = shardOf(this.#tokens.slot, this.#parts.length);
    const index = this.#askedCount;
    this.#asked.bytes.set(space.bytes.subarray(at, at + bytes), index * TOKEN_BYTES);
    this.#askedBytes[index] = bytes;
    this.#askedShards[index] = shard;
    this.#askedCount += 1;
    this.#parts[shard]!.add(this.#tokens.digest, this.#tokens.slot);
  }

  absorb(shard: number, space: ByteSpace, start: number, end: number): boolean {
    const part = this.#parts[shard]!;
    const reader = new PartReader();
    reader.open(space, start, end);
    if (reader.status === STATUSES.OK.code && reader.cursor.findMember('exist') === 1) {
      const length = reader.cursor.binLength();
      part.live = space.bytes.slice(reader.cursor.at, reader.cursor.at + length);
    } else {
      this.#refusal = { status: reader.status, reason: 'a shard could not answer' };
    }
    this.#partsLeft -= 1;
    return this.#partsLeft === 0;
  }

  writeReply(writer: NativeWriter): void {
    const { id } = this.caller;
    if (this.#refusal !== undefined) {
      writer.refusal(id, this.#refusal.status, this.#refusal.reason);
      return;
    }
    const live = this.#liveItems();
    writer.beginReply(id, STATUSES.OK.code);
    writer.mapHead(1);
    writer.text('exist');
    writer.arrayHead(live.length);
    for (const item of live) {
      writer.bin(this.#asked, item * TOKEN_BYTES, this.#askedBytes[item]!);
    }
    writer.endReply();
  }

  #liveItems(): number[] {
    const live: number[] = [];
    for (let item = 0; item < this.#askedCount; item += 1) {
      const part = this.#parts[this.#askedShards[item]!]!;
      if (part.live[part.readAt] === 1) live.push(item);
      part.readAt += 1;
    }
    return live;
  }
}
