/**
 * A whole shard run by hand in this thread: commands go into its request ring, one turn of its loop
 * executes them, and its replies are taken from its reply ring. No sockets, no other thread.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { ReplyWriter } from '../src/commands/reply.js';
import { clockFrom, systemClockSource } from '../src/core/clock.js';
import { type ByteSpace, copyBytes } from '../src/core/copy.js';
import { allocateCounters, SHARD_COUNTERS } from '../src/core/counters.js';
import { Doorbell, DOORBELL_BYTES } from '../src/ring/doorbell.js';
import { REPLY_HEADER_BYTES, REQUEST_HEADER_BYTES } from '../src/ring/records.js';
import { SideRoad } from '../src/ring/side-road.js';
import {
  allocateRing,
  RING_EMPTY,
  RING_FULL,
  RingConsumer,
  RingProducer,
} from '../src/ring/spsc-ring.js';
import { Admission } from '../src/shard/admission.js';
import { Dispatcher } from '../src/shard/dispatch.js';
import { RingSink } from '../src/shard/ring-sink.js';
import { ShardCounters } from '../src/shard/shard-counters.js';
import { ShardLoop } from '../src/shard/shard-loop.js';
import { turnBoundsOf } from '../src/shard/turn-parts.js';
import { type SessionObserver, ShardState } from '../src/state/shard-state.js';

const RING_BYTES = 1024 * 1024;
const LIMITS = {
  keysMax: 131_072,
  keyBytesMax: 512,
  valueDepthMax: 64,
  sessionBytesMax: 16 * 1024 * 1024,
  ownerSessionsMax: 0,
  endsOldest: false,
  isOneOfSeveral: false,
  findBytesMax: 1024 * 1024,
  findMsMax: 100,
};
const NO_ADMISSION_LIMITS = { sessionsMax: 0, memoryBytesMax: 0, evictsSoonest: false };

const NO_OBSERVER: SessionObserver = {
  sessionStarted: () => undefined,
  sessionsEnded: () => undefined,
  sessionExpired: () => undefined,
  sessionCleared: () => undefined,
};

/** One command; digest is four words at digestAt. */
export interface LocalCommand {
  readonly op: number;
  readonly id: number;
  readonly digests: Int32Array;
  readonly digestAt: number;
  readonly slot: number;
  readonly body: ByteSpace;
}

export class LocalShard {
  readonly state: ShardState;
  readonly #requests: RingProducer;
  readonly #replies: RingConsumer;
  readonly #loop: ShardLoop;
  readonly #port: MessagePort;
  #busyMs = 0;

  constructor() {
    const clock = clockFrom(systemClockSource());
    const counters = new ShardCounters(allocateCounters(SHARD_COUNTERS));
    const state = new ShardState({ nowMs: clock.nowMs(), seed: [1, 2], observer: NO_OBSERVER });
    const requests = allocateRing(RING_BYTES);
    const replies = allocateRing(RING_BYTES);
    const bell = new Doorbell(new SharedArrayBuffer(DOORBELL_BYTES));
    const ioBell = new Doorbell(new SharedArrayBuffer(DOORBELL_BYTES));
    this.#port = new MessageChannel().port1;
    const sideRoad = new SideRoad(this.#port);
    const ring = new RingProducer(replies);
    const room = { isRungFor: true, look: () => 0, wait: () => undefined };
    const sink = new RingSink({ ring, sideRoad, ioBell, room, counters });
    const admission = new Admission(NO_ADMISSION_LIMITS, state, [state], counters);
    const reply = new ReplyWriter(sink);
    this.state = state;
    this.#requests = new RingProducer(requests);
    this.#replies = new RingConsumer(replies);
    this.#loop = new ShardLoop({
      links: [{ requests: new RingConsumer(requests), ioBell, sideRoad, sink, reply }],
      bell,
      clock,
      dispatcher: new Dispatcher({
        limits: LIMITS,
        sessions: state,
        defaults: undefined,
        admission,
        counters,
      }),
      states: [state],
      counters,
      ...turnBoundsOf(undefined),
      spins: 0,
      isStopped: () => false,
      onIdle: () => undefined,
    });
  }

  /** Puts a command into the ring; it runs in the next turn. */
  push(command: LocalCommand): void {
    const { op, id, digests, digestAt, slot, body } = command;
    const bodyBytes = body.bytes.length;
    const at = this.#requests.reserve(REQUEST_HEADER_BYTES + bodyBytes);
    if (at === RING_FULL) throw new Error('more commands than the ring holds');
    const { words } = this.#requests;
    const word = at >>> 2;
    words[word] = 1;
    words[word + 1] = 0;
    words[word + 2] = id;
    words[word + 3] = op | (slot << 16);
    for (let part = 0; part < 4; part += 1) words[word + 4 + part] = digests[digestAt + part]!;
    copyBytes(this.#requests.space, at + REQUEST_HEADER_BYTES, body, 0, bodyBytes);
  }

  /** How long the turns have taken so far, without filling one ring and emptying the other. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** Runs all that was pushed. @returns how many of the replies have status 1. */
  turn(): number {
    this.#requests.publish();
    const startedMs = performance.now();
    this.#loop.runTurn();
    this.#busyMs += performance.now() - startedMs;
    let succeeded = 0;
    for (let at = this.#replies.next(); at !== RING_EMPTY; at = this.#replies.next()) {
      // bin 8, its size, array of three, uint32 id, status
      if (this.#replies.bytes[at + REPLY_HEADER_BYTES + 8] === 1) succeeded += 1;
    }
    this.#replies.release();
    return succeeded;
  }

  close(): void {
    this.#port.close();
  }
}
