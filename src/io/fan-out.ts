/**
 * Commands that concern every shard: one part to each, and one reply made of theirs. Each part is a
 * command of its own to its shard, with a ticket that leads back here.
 */
import { ByteSpace } from '../core/copy.js';
import { STATUSES } from '../core/statuses.js';
import { NativeCursor, REFUSED } from '../protocol/native-cursor.js';
import type { NativeWriter } from '../protocol/native-writer.js';
import type { RequestHeader } from './shard-link.js';
import type { TextRequest } from './text-lane.js';
import type { Traffic } from './traffic.js';

/** Whom the one reply goes to. */
export interface Caller {
  /** Name of the connection. */
  readonly connection: number;
  readonly id: number;
  /** The request, if it came as text. */
  readonly text: TextRequest | undefined;
}

/** Where a command's body lies; valid while its frame is routed. */
export interface BodyPlace {
  readonly space: ByteSpace;
  readonly at: number;
  readonly end: number;
}

export interface FanOut {
  readonly caller: Caller;
  /** Pushes the parts. @returns how many; 0: the reply is complete already. */
  start(traffic: Traffic, header: RequestHeader): number;
  /** Takes the reply of a shard's part, space[start, end). @returns whether it was the last. */
  absorb(shard: number, space: ByteSpace, start: number, end: number): boolean;
  /** Once complete. */
  writeReply(writer: NativeWriter): void;
}

/** Pushes one part. It is never refused: the whole was let in before. */
export function pushPart(
  traffic: Traffic,
  header: RequestHeader,
  part: { readonly shard: number; readonly body: BodyPlace; readonly fanOut: FanOut },
): void {
  const { space, at, end } = part.body;
  header.ticket = traffic.tickets.take(part.fanOut);
  traffic.links[part.shard]!.push(header, space, at, end - at, true);
}

/** Reads the head of a shard's reply up to its body. Shards are ours: no doubt is needed. */
export class PartReader {
  readonly cursor = new NativeCursor();
  id = 0;
  status = 0;

  /** Reads [id, st, body] as far as its body. */
  open(space: ByteSpace, start: number, end: number): void {
    const cursor = this.cursor;
    cursor.open(space.view, start, end);
    cursor.binLength();
    cursor.arrayCount();
    this.id = cursor.uint();
    this.status = cursor.uint();
  }
}

/** The results of all parts are maps of numbers; the reply's is their sum, member by member. */
export class SumFanOut implements FanOut {
  readonly caller: Caller;
  readonly #body: BodyPlace;
  readonly #slot: number;
  readonly #sums = new Map<string, number>();
  #partsLeft = 0;
  /** The first part that failed speaks for all. */
  #status: number = STATUSES.OK.code;
  #failureBody: ByteSpace | undefined;

  /** @param slot in every part's record, for commands that need one there. */
  constructor(caller: Caller, body: BodyPlace, slot = 0) {
    this.caller = caller;
    this.#body = body;
    this.#slot = slot;
  }

  start(traffic: Traffic, header: RequestHeader): number {
    this.#partsLeft = traffic.links.length;
    header.slot = this.#slot;
    for (let shard = 0; shard < traffic.links.length; shard += 1) {
      pushPart(traffic, header, { shard, body: this.#body, fanOut: this });
    }
    return this.#partsLeft;
  }

  absorb(_shard: number, space: ByteSpace, start: number, end: number): boolean {
    const reader = new PartReader();
    reader.open(space, start, end);
    if (reader.status === STATUSES.OK.code) {
      this.#add(space, reader.cursor);
    } else if (this.#failureBody === undefined) {
      this.#status = reader.status;
      this.#failureBody = new ByteSpace(space.bytes.slice(reader.cursor.at, end).buffer);
    }
    this.#partsLeft -= 1;
    return this.#partsLeft === 0;
  }

  #add(space: ByteSpace, cursor: NativeCursor): void {
    const pairs = cursor.mapCount();
    for (let pair = 0; pair < pairs; pair += 1) {
      const nameBytes = cursor.strLength();
      const name = asciiAt(space, cursor.at, nameBytes);
      cursor.at += nameBytes;
      const value = cursor.uint();
      if (value === REFUSED) return;
      this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
    }
  }

  writeReply(writer: NativeWriter): void {
    writer.beginReply(this.caller.id, this.#status);
    if (this.#failureBody !== undefined) {
      writer.raw(this.#failureBody, 0, this.#failureBody.bytes.length);
    } else {
      writer.mapHead(this.#sums.size);
      for (const [name, sum] of this.#sums) {
        writer.text(name);
        writer.uint(sum);
      }
    }
    writer.endReply();
  }
}

function asciiAt(space: ByteSpace, at: number, bytes: number): string {
  return String.fromCharCode(...space.bytes.subarray(at, at + bytes));
}
