/** An I/O thread without sockets and event loop, which borrows a shard: the test pushes and takes. */
import { decode, encode } from '@msgpack/msgpack';
import { receiveMessageOnPort } from 'node:worker_threads';
import type { ReuseReport } from '../../src/config/shard-messages.js';
import type { IoThreadPlan } from '../../src/config/thread-plan.js';
import { ByteSpace } from '../../src/core/copy.js';
import { allocateCounters, IO_COUNTERS } from '../../src/core/counters.js';
import { STATUSES } from '../../src/core/statuses.js';
import { RequestHeader, ShardLink } from '../../src/io/shard-link.js';
import { commandEntryOf } from '../../src/protocol/catalogue.js';
import {
  FLAG_DEFAULT_MAP,
  NOT_DURABLE,
  NOT_DURABLE_SIDE_ROAD,
  PUSH,
  PUSH_HEADER_BYTES,
  REPLY_HEADER_BYTES,
  SIDE_ROAD,
} from '../../src/ring/records.js';
import { RING_EMPTY } from '../../src/ring/spsc-ring.js';
import { type Borrower, borrowFrom } from '../../src/shard/borrower.js';
import type { LenderReport } from '../../src/shard/lending.js';
import type { SessionKey } from './shard-harness.js';

const ANY_KEY = { mapKeyConverter: (key: unknown) => String(key) };

/** What the caller would get. */
export interface LentReply {
  readonly id: number;
  readonly status: number;
  readonly body: Record<string, unknown> | null;
  /** As it came from the shard. */
  readonly bytes: Uint8Array;
}

export interface LentPush {
  readonly event: string;
  readonly body: Record<string, unknown>;
  readonly isLost: boolean;
}

export class LendingIo {
  readonly borrower: Borrower | undefined;
  /** What it has told main. */
  readonly reports: ReuseReport[] = [];
  readonly pushes: LentPush[] = [];
  /** How often a full ring has made the borrower take replies. */
  pumped = 0;
  readonly #plan: IoThreadPlan;
  readonly #link: ShardLink;
  readonly #header = new RequestHeader(new Int32Array(4));
  readonly #replies: LentReply[] = [];
  #hasBorrowed = false;

  constructor(plan: IoThreadPlan) {
    this.#plan = plan;
    const counters = new Float64Array(allocateCounters(IO_COUNTERS));
    this.#link = new ShardLink(plan.links[0]!, plan.shardBells[0]!, counters);
    const { replies, sideRoad } = this.#link;
    const pump = (): void => {
      this.pumped += 1;
      this.take();
    };
    const report = (message: ReuseReport): void => void this.reports.push(message);
    const borrower = borrowFrom(plan)(0, { replies, sideRoad, pump, report });
    this.borrower = borrower;
    if (borrower === undefined) return;
    const tryTurn = (): boolean => (this.#hasBorrowed = borrower.tryTurn());
    this.#link.borrowed = { tryTurn };
  }

  /** Puts a command into the ring, where nobody sees it yet. @returns its id. */
  push(name: string, key: SessionKey | undefined, body: unknown = null, flags = 0): number {
    const entry = commandEntryOf(name);
    if (entry === undefined) throw new Error(`no command ${name}`);
    return this.pushRaw(
      entry.op,
      key,
      encode(body),
      flags | (entry.isDefaultMap ? FLAG_DEFAULT_MAP : 0),
    );
  }

  pushRaw(op: number, key: SessionKey | undefined, body: Uint8Array, flags = 0): number {
    const header = this.#header;
    header.id += 1;
    header.connection = 17;
    header.op = op;
    header.flags = flags;
    header.slot = key?.slot ?? 0;
    header.digest.set(key?.digest ?? [0, 0, 0, 0]);
    const from = new ByteSpace(Uint8Array.from(body).buffer);
    if (!this.#link.push(header, from, 0, body.length, true)) throw new Error('not taken');
    return header.id;
  }

  /** What was pushed goes to the shard. @returns whether this thread has run the turn itself. */
  flush(): boolean {
    this.#hasBorrowed = false;
    this.#link.flush();
    return this.#hasBorrowed;
  }

  /** The same, but nothing is borrowed. */
  publish(): void {
    const { borrowed } = this.#link;
    this.#link.borrowed = undefined;
    this.#link.flush();
    this.#link.borrowed = borrowed;
  }

  /** One command in a turn that this thread runs; throws if it may not. */
  ask(name: string, key: SessionKey | undefined, body: unknown = null, flags = 0): LentReply {
    this.push(name, key, body, flags);
    if (!this.flush()) throw new Error('the shard cannot be borrowed');
    return this.only();
  }

  /** Takes what the ring holds, as the reply pump does. */
  take(): void {
    const { replies: ring } = this.#link;
    for (;;) {
      const at = ring.next();
      if (at === RING_EMPTY) break;
      if (ring.words[(at >>> 2) + 1] === PUSH) this.#takePush(at);
      else this.#takeReply(at);
    }
    this.#link.releaseReplies();
  }

  /** Takes from the borrower what the shard says of its memory. */
  lenderReports(): LenderReport[] {
    const reports: LenderReport[] = [];
    for (;;) {
      const received = receiveMessageOnPort(this.#plan.borrowing![0]!.port);
      if (received === undefined) return reports;
      reports.push((received as { readonly message: LenderReport }).message);
    }
  }

  /** What the borrower hears of one of the states by its event loop: the next time. */
  nextLenderReport(state: number): Promise<LenderReport> {
    const { port } = this.#plan.borrowing![0]!;
    return new Promise((resolve) => {
      const listen = (report: LenderReport): void => {
        if (report.state !== state) return;
        port.off('message', listen);
        resolve(report);
      };
      port.on('message', listen);
    });
  }

  /** All replies since the last call. */
  replies(): LentReply[] {
    this.take();
    return this.#replies.splice(0);
  }

  /** The one reply since the last call. */
  only(): LentReply {
    const replies = this.replies();
    if (replies.length !== 1) throw new Error(`${replies.length} replies, not one`);
    return replies[0]!;
  }

  #takeReply(at: number): void {
    const { bytes: record, isLost } = this.#record(at);
    const bytes = decode(record) as Uint8Array;
    const [id, status, body] = decode(bytes, ANY_KEY) as [number, number, LentReply['body']];
    const { code } = STATUSES.NOT_DURABLE;
    this.#replies.push({
      id,
      bytes,
      ...(isLost ? { status: code, body: null } : { status, body }),
    });
  }

  #takePush(at: number): void {
    const { bytes, isLost } = this.#record(at);
    const inner = decode(bytes.subarray(PUSH_HEADER_BYTES)) as Uint8Array;
    const [, event, body] = decode(inner, ANY_KEY) as [number, string, LentPush['body']];
    this.pushes.push({ event, body, isLost });
  }

  #record(at: number): { readonly bytes: Uint8Array; readonly isLost: boolean } {
    const { replies: ring, sideRoad } = this.#link;
    const tokenAt = ring.words[(at >>> 2) + 2]!;
    const isAside = tokenAt === SIDE_ROAD || tokenAt === NOT_DURABLE_SIDE_ROAD;
    const bytes = isAside
      ? new Uint8Array(sideRoad.take())
      : ring.bytes.slice(at + REPLY_HEADER_BYTES, at + ring.payloadBytes);
    return { bytes, isLost: tokenAt === NOT_DURABLE || tokenAt === NOT_DURABLE_SIDE_ROAD };
  }
}
