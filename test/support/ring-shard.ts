/**
 * The shard's end of a link, driven by a test: it takes the requests that the I/O side has published
 * and answers them when and how the test says.
 */
import { encode } from '@msgpack/msgpack';
import type { LinkPlan } from '../../src/config/thread-plan.js';
import { Doorbell } from '../../src/ring/doorbell.js';
import {
  FLAG_SIDE_ROAD,
  NOT_DURABLE,
  NOT_DURABLE_SIDE_ROAD,
  PUSH,
  PUSH_CHANGED,
  PUSH_HEADER_BYTES,
  REPLY_HEADER_BYTES,
  REQUEST_HEADER_BYTES,
  SIDE_ROAD,
} from '../../src/ring/records.js';
import { SideRoad } from '../../src/ring/side-road.js';
import { RING_EMPTY, RING_FULL, RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';

export interface TakenRequest {
  readonly connection: number;
  readonly ticket: number;
  readonly id: number;
  readonly op: number;
  readonly flags: number;
  readonly slot: number;
  readonly digest: readonly number[];
  readonly body: Uint8Array;
}

/** A native reply as a shard writes it. */
export function replyBytes(id: number, status: number, body: unknown): Uint8Array {
  return encode(encode([id, status, body]));
}

export class RingShard {
  readonly requests: RingConsumer;
  readonly replies: RingProducer;
  readonly #bellWords: Int32Array;
  readonly #ioBell: Doorbell;
  readonly #sideRoad: SideRoad;

  constructor(
    link: LinkPlan,
    bells: { readonly own: SharedArrayBuffer; readonly io: SharedArrayBuffer },
  ) {
    this.requests = new RingConsumer(link.requests);
    this.replies = new RingProducer(link.replies);
    this.#sideRoad = new SideRoad(link.port);
    this.#bellWords = new Int32Array(bells.own);
    this.#ioBell = new Doorbell(bells.io);
  }

  /** How often it was rung for. */
  get rings(): number {
    return this.#bellWords[0]!;
  }

  /** Takes up to requestsMax published requests and gives their space back. */
  take(requestsMax = Infinity): TakenRequest[] {
    const { requests } = this;
    const taken: TakenRequest[] = [];
    while (taken.length < requestsMax) {
      const at = requests.next();
      if (at === RING_EMPTY) break;
      const words = requests.words.subarray(at >>> 2, (at >>> 2) + REQUEST_HEADER_BYTES / 4);
      const [connection = 0, ticket = 0, id = 0, opWord = 0, ...digest] = words;
      const flags = (opWord >>> 8) & 255;
      const body =
        (flags & FLAG_SIDE_ROAD) === 0
          ? requests.bytes.slice(at + REQUEST_HEADER_BYTES, at + requests.payloadBytes)
          : new Uint8Array(this.#sideRoad.take());
      const op = opWord & 255;
      const slot = opWord >>> 16;
      taken.push({ connection, ticket, id: id >>> 0, op, flags, slot, digest, body });
    }
    requests.release();
    return taken;
  }

  /** Answers one request; visible at once. */
  answer(request: TakenRequest, reply: { status?: number; body?: unknown } = {}): void {
    const bytes = replyBytes(request.id, reply.status ?? 1, reply.body ?? null);
    this.put(request, bytes, 0);
    this.publish();
  }

  /** Puts a reply into the ring, or on the side road if it is too large; not yet visible. */
  put(
    request: Pick<TakenRequest, 'connection' | 'ticket'>,
    reply: Uint8Array,
    tokenAt: number,
  ): void {
    const isTooLarge = REPLY_HEADER_BYTES + reply.length > this.replies.payloadBytesMax;
    if (isTooLarge) this.#sideRoad.postCopy(reply, 0, reply.length);
    const at = this.replies.reserve(REPLY_HEADER_BYTES + (isTooLarge ? 0 : reply.length));
    if (at === RING_FULL) throw new Error('the test overfills a reply ring');
    this.replies.words[at >>> 2] = request.connection;
    this.replies.words[(at >>> 2) + 1] = request.ticket;
    const aside = tokenAt === NOT_DURABLE ? NOT_DURABLE_SIDE_ROAD : SIDE_ROAD;
    this.replies.words[(at >>> 2) + 2] = isTooLarge ? aside : tokenAt;
    if (!isTooLarge) this.replies.bytes.set(reply, at + REPLY_HEADER_BYTES);
  }

  /** Puts a push into the ring, [0, event, body]; not yet visible. */
  push(push: {
    readonly meaning?: number;
    readonly watch: number;
    readonly row: number;
    readonly event: string;
    readonly body: unknown;
    readonly tokenAt?: number;
  }): void {
    const bytes = encode(encode([0, push.event, push.body]));
    const payload = new Uint8Array(PUSH_HEADER_BYTES + bytes.length);
    new DataView(payload.buffer).setInt32(0, push.watch, true);
    new DataView(payload.buffer).setInt32(4, push.row, true);
    payload.set(bytes, PUSH_HEADER_BYTES);
    const address = { connection: push.meaning ?? PUSH_CHANGED, ticket: PUSH };
    this.put(address, payload, push.tokenAt ?? 0);
  }

  publish(): void {
    this.replies.publish();
    this.#ioBell.ring();
  }
}
