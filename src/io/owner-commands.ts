/**
 * SH_LIST, SH_END_ID and SH_END_ALL over all shards: an owner's sessions lie wherever their tokens
 * have put them.
 */
import { ByteSpace } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { STATUSES } from '../core/statuses.js';
import { NativeCursor } from '../protocol/native-cursor.js';
import type { NativeWriter } from '../protocol/native-writer.js';
import { FLAG_MINTED, MINTED_BYTES } from '../ring/records.js';
import {
  PartReader,
  pushPart,
  SumFanOut,
  type BodyPlace,
  type Caller,
  type FanOut,
} from './fan-out.js';
import type { RequestHeader } from './shard-link.js';
import { TokenListReader } from './token-list.js';
import type { Tokens } from './tokens.js';
import type { Traffic } from './traffic.js';

const OK = STATUSES.OK.code;
const NO_SUCH_SESSION = STATUSES.NO_SUCH_SESSION.code;
const LISTS_TOO_LARGE = IO_COUNTER_INDEX.listsTooLarge;
/** A list as text has 1.3 to 1.5 times the bytes. */
const TEXT_GROWTH = 1.5;
const TOO_LONG = 'the list is over --max-unsent';

/** One part to every shard; the first that failed speaks for all, unless a command says otherwise. */
abstract class EveryShard implements FanOut {
  readonly caller: Caller;
  readonly #body: BodyPlace;
  #partsLeft = 0;
  protected status: number = OK;
  /** Of the part whose status it is. */
  #failure: ByteSpace | undefined;

  constructor(caller: Caller, body: BodyPlace) {
    this.caller = caller;
    this.#body = body;
  }

  start(traffic: Traffic, header: RequestHeader): number {
    this.#partsLeft = traffic.links.length;
    header.slot = 0;
    for (let shard = 0; shard < traffic.links.length; shard += 1) {
      pushPart(traffic, header, { shard, body: this.#body, fanOut: this });
    }
    return this.#partsLeft;
  }

  absorb(_shard: number, space: ByteSpace, start: number, end: number): boolean {
    const reader = new PartReader();
    reader.open(space, start, end);
    this.take(reader, space, end);
    this.#partsLeft -= 1;
    return this.#partsLeft === 0;
  }

  /** Takes a part's reply; the reader is at its body. */
  protected abstract take(reader: PartReader, space: ByteSpace, end: number): void;

  protected fail(reader: PartReader, space: ByteSpace, end: number): void {
    this.status = reader.status;
    this.#failure = copyOf(space, reader.cursor.at, end);
  }

  abstract writeReply(writer: NativeWriter): void;

  protected writeFailure(writer: NativeWriter): void {
    writer.beginReply(this.caller.id, this.status);
    if (this.#failure === undefined) writer.nil();
    else writer.raw(this.#failure, 0, this.#failure.bytes.length);
    writer.endReply();
  }
}

/** The parts are {sessions: [...]}; the reply's list is all of theirs, one after another. */
export class ListFanOut extends EveryShard {
  readonly #pieces: ByteSpace[] = [];
  readonly #bytesMax: number;
  readonly #counters: Float64Array;
  #sessions = 0;
  #bytes = 0;

  constructor(caller: Caller, body: BodyPlace, traffic: Traffic) {
    super(caller, body);
    const { maxUnsent } = traffic.config;
    this.#bytesMax = caller.text === undefined ? maxUnsent : maxUnsent / TEXT_GROWTH;
    this.#counters = traffic.counters;
  }

  protected take(reader: PartReader, space: ByteSpace, end: number): void {
    if (this.status !== OK) return;
    if (reader.status !== OK) {
      this.fail(reader, space, end);
      return;
    }
    const { cursor } = reader;
    cursor.mapCount();
    cursor.skip();
    this.#sessions += cursor.arrayCount();
    this.#bytes += end - cursor.at;
    // A longer reply would close the connection.
    if (this.#bytes > this.#bytesMax) this.#pieces.length = 0;
    else this.#pieces.push(copyOf(space, cursor.at, end));
  }

  writeReply(writer: NativeWriter): void {
    if (this.status !== OK) {
      this.writeFailure(writer);
    } else if (this.#bytes > this.#bytesMax) {
      this.#counters[LISTS_TOO_LARGE]! += 1;
      writer.refusal(this.caller.id, STATUSES.TOO_LARGE.code, TOO_LONG);
    } else {
      writer.beginReply(this.caller.id, OK);
      writer.mapHead(1);
      writer.text('sessions');
      writer.arrayHead(this.#sessions);
      for (const piece of this.#pieces) writer.raw(piece, 0, piece.bytes.length);
      writer.endReply();
    }
  }
}

/** One shard at most has the session; the others answer 100. */
export class EndIdFanOut extends EveryShard {
  #hasEnded = false;

  protected take(reader: PartReader, space: ByteSpace, end: number): void {
    if (reader.status === OK) {
      this.#hasEnded = true;
    } else if (this.status === OK || this.status === NO_SUCH_SESSION) {
      this.fail(reader, space, end);
    }
  }

  writeReply(writer: NativeWriter): void {
    if (this.#hasEnded) writer.status(this.caller.id, OK);
    else this.writeFailure(writer);
  }
}

/**
 * SH_END_ALL with `except`: the shards get the digest of the session to be spared, before the body,
 * and its slot. What is no token is left to them to refuse.
 */
export function newEndAll(
  caller: Caller,
  body: BodyPlace,
  tokens: Tokens,
  header: RequestHeader,
): FanOut {
  const { space, at, end } = body;
  const cursor = new NativeCursor();
  cursor.open(space.view, at, end);
  if (cursor.findMember('except') !== 1) return new SumFanOut(caller, body);
  const list = new TokenListReader(cursor, space, tokens);
  if (!list.take() || list.bytes === 0) return new SumFanOut(caller, body);
  const prefixed = new ByteSpace(new ArrayBuffer(MINTED_BYTES + end - at));
  putDigest(prefixed, tokens.digest);
  prefixed.bytes.set(space.bytes.subarray(at, end), MINTED_BYTES);
  header.flags |= FLAG_MINTED;
  return new SumFanOut(caller, { space: prefixed, at: 0, end: prefixed.bytes.length }, tokens.slot);
}

/** The four words at the head of a body; see FLAG_MINTED. */
export function putDigest(to: ByteSpace, digest: Int32Array): void {
  for (let word = 0; word < digest.length; word += 1) {
    to.view.setInt32(word * 4, digest[word]!, true);
  }
}

function copyOf(space: ByteSpace, start: number, end: number): ByteSpace {
  // The space may be a ring, whose memory is shared; a copy is not.
  const copy = new ByteSpace(new ArrayBuffer(end - start));
  copy.bytes.set(space.bytes.subarray(start, end));
  return copy;
}
