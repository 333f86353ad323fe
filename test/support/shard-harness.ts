/**
 * A whole shard without threads: its state, its dispatcher and its loop over real rings, driven turn
 * by turn under a manual clock. Requests go in as records, replies come out decoded.
 */
import { decode, encode } from '@msgpack/msgpack';
import { ReplyWriter } from '../../src/commands/reply.js';
import type { Limits } from '../../src/commands/limits.js';
import { SharedManualClock } from '../../src/core/clock.js';
import {
  allocateCounters,
  figuresOf,
  SHARD_COUNTER_INDEX,
  SHARD_COUNTERS,
} from '../../src/core/counters.js';
import type { ShardCounter } from '../../src/core/counters.js';
import type { MemoryHandles } from '../../src/memory/shared-memory.js';
import { commandEntryOf } from '../../src/protocol/catalogue.js';
import { Doorbell, DOORBELL_BYTES } from '../../src/ring/doorbell.js';
import { allocateEventRing, EventRingReader, EventRingWriter } from '../../src/ring/event-ring.js';
import {
  FLAG_DEFAULT_MAP,
  FLAG_SIDE_ROAD,
  NOT_DURABLE,
  NOT_DURABLE_SIDE_ROAD,
  PUSH,
  PUSH_HEADER_BYTES,
  REPLY_HEADER_BYTES,
  REQUEST_HEADER_BYTES,
  SIDE_ROAD,
} from '../../src/ring/records.js';
import { SideRoad } from '../../src/ring/side-road.js';
import { allocateRing, RING_EMPTY, RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { Admission, type AdmissionLimits } from '../../src/shard/admission.js';
import { Dispatcher } from '../../src/shard/dispatch.js';
import { EventFeed } from '../../src/shard/event-feed.js';
import { Pushes } from '../../src/shard/pushes.js';
import { RingSink } from '../../src/shard/ring-sink.js';
import { NO_OBSERVER, observerOf, ShardCounters } from '../../src/shard/shard-counters.js';
import { ShardLoop } from '../../src/shard/shard-loop.js';
import { TokenReuses } from '../../src/shard/token-reuses.js';
import { turnBoundsOf } from '../../src/shard/turn-parts.js';
import { TurnLog } from '../../src/shard/turn-log.js';
import { type SessionObserver, ShardState } from '../../src/state/shard-state.js';
import type { Files } from '../../src/storage/files.js';
import { ShardBoard } from '../../src/storage/shard-board.js';
import { type FsyncChoice, ShardLog } from '../../src/storage/shard-log.js';
import type { LogReport, ShardReport } from '../../src/config/shard-messages.js';
import { MessageChannel } from 'node:worker_threads';

export const START_MS = 1_800_000_000_000;

/** Events that a harness keeps. */
const EVENTS = 1_024;

export const LIMITS: Limits = {
  keysMax: 131_072,
  keyBytesMax: 512,
  valueDepthMax: 64,
  sessionBytesMax: 16 * 1024 * 1024,
  findBytesMax: 1024 * 1024,
  // Longer than by default: here no other session waits, and the machine may be busy.
  findMsMax: 2_000,
  ownerSessionsMax: 0,
  endsOldest: false,
  isOneOfSeveral: false,
};

/** Maps within values may have keys of any type. */
const ANY_KEY = { mapKeyConverter: (key: unknown) => String(key) };

/** A token's stand-in on this side of the I/O thread: a digest made from a number, and a slot. */
export interface SessionKey {
  readonly digest: readonly [number, number, number, number];
  readonly slot: number;
}

export function sessionKey(number: number): SessionKey {
  const mixed = Math.imul(number + 1, 0x9e3779b1);
  return { digest: [mixed, number, ~number, 7], slot: number & 1_023 };
}

export interface Reply {
  readonly id: number;
  readonly status: number;
  readonly body: Record<string, unknown> | null;
  /** Offset of the token's place in the reply; 0 none; negative: see ring/records.ts. */
  readonly tokenAt: number;
  readonly connection: number;
  readonly ticket: number;
  /** [id, st, body] as it would be sent, without the bin around it. */
  readonly bytes: Uint8Array;
}

/** What a shard has told the I/O thread of a watched session. */
export interface Push {
  readonly meaning: number;
  readonly watch: number;
  readonly row: number;
  /** What it speaks of could not be logged. */
  readonly isLost: boolean;
  readonly event: string;
  readonly body: Record<string, unknown>;
}

export interface HarnessOptions {
  readonly limits?: Partial<Limits>;
  readonly admission?: Partial<AdmissionLimits>;
  readonly ringBytes?: number;
  /** With a log, epoch 1 of shard 0 of 1, in the folder /data of these. */
  readonly files?: Files;
  readonly fsync?: FsyncChoice;
  /** Whether events are told before anyone asks for them; they are unless said. */
  readonly wantsEvents?: boolean;
  /** Goes on over the memory of this one, which must not be used afterwards. */
  readonly attachTo?: ShardHarness;
}

export class ShardHarness {
  readonly clock: SharedManualClock;
  readonly sessions: ShardState;
  readonly defaults: { readonly state: ShardState; readonly row: number };
  readonly loop: ShardLoop;
  readonly requests: RingProducer;
  /** The log's, where there is one. */
  readonly board = new ShardBoard();
  readonly log: ShardLog | undefined;
  /** What the shard has told main of replaced tokens. */
  readonly reuses: ShardReport[] = [];
  /** What the shard has told main of its log. */
  readonly reports: LogReport[] = [];
  /** What SV_EVENTS would read. */
  readonly events: EventRingReader;
  readonly #eventRing: SharedArrayBuffer;
  /** Taken from the ring, in order. */
  readonly #pushes: Push[] = [];
  readonly #replies: RingConsumer;
  readonly #sideRoad: SideRoad;
  readonly #counters = allocateCounters(SHARD_COUNTERS);
  #id = 0;

  constructor(options: HarnessOptions = {}) {
    const { attachTo } = options;
    this.clock = attachTo?.clock ?? new SharedManualClock();
    if (attachTo === undefined) this.clock.set(START_MS);
    const nowMs = this.clock.nowMs();
    const counters = new ShardCounters(this.#counters);
    this.sessions = newState(observerOf(counters), nowMs, attachTo?.sessions.memory.handles());
    const defaults = newState(NO_OBSERVER, nowMs, attachTo?.defaults.state.memory.handles(), true);
    const defaultRow = attachTo?.defaults.row ?? defaults.create(new Int32Array(4), 0, 0, false);
    this.defaults = { state: defaults, row: defaultRow };
    const ringBytes = options.ringBytes ?? 1 << 20;
    const requests = allocateRing(ringBytes);
    const replies = allocateRing(ringBytes);
    const bells = [new SharedArrayBuffer(DOORBELL_BYTES), new SharedArrayBuffer(DOORBELL_BYTES)];
    const { port1, port2 } = new MessageChannel();
    this.requests = new RingProducer(requests);
    this.#replies = new RingConsumer(replies);
    this.#sideRoad = new SideRoad(port1);
    const states = [this.sessions, defaults];
    this.log = options.files && this.#newLog(options.files, options.fsync ?? 'no');
    const turnLog = this.log && this.#newTurnLog(this.log, states, counters);
    const sink = new RingSink({
      ring: new RingProducer(replies),
      sideRoad: new SideRoad(port2),
      ioBell: new Doorbell(bells[0]!),
      room: { isRungFor: true, look: () => 0, wait: () => undefined },
      counters,
      log: turnLog,
    });
    this.#eventRing = allocateEventRing(EVENTS, options.wantsEvents ?? true);
    const feed = new EventFeed(new EventRingWriter(this.#eventRing));
    this.events = new EventRingReader(this.#eventRing, START_MS);
    this.sessions.lifecycle = feed;
    const admission = new Admission(
      { sessionsMax: 0, memoryBytesMax: 0, evictsSoonest: false, ...options.admission },
      this.sessions,
      states,
      counters,
    );
    this.loop = new ShardLoop({
      links: [
        {
          requests: new RingConsumer(requests),
          ioBell: new Doorbell(bells[0]!),
          sideRoad: new SideRoad(port2),
          sink,
          reply: new ReplyWriter(sink),
        },
      ],
      bell: new Doorbell(bells[1]!),
      clock: this.clock,
      dispatcher: new Dispatcher({
        limits: { ...LIMITS, ...options.limits },
        sessions: this.sessions,
        defaults: this.defaults,
        admission,
        counters,
        log: turnLog,
        events: feed,
        reuses: new TokenReuses(0, this.clock, (report) => this.reuses.push(report)),
      }),
      states,
      counters,
      log: turnLog,
      pushes: new Pushes({ sessions: this.sessions, sinks: [sink], counters }),
      events: feed,
      ...turnBoundsOf(options.files && (options.fsync ?? 'no')),
      spins: 0,
      isStopped: () => false,
      onIdle: () => undefined,
    });
  }

  #newLog(files: Files, fsync: FsyncChoice): ShardLog {
    files.makeDirectory('/data/log');
    return new ShardLog({
      ...{ files, directory: '/data', epoch: 1, shard: 0, shards: 1, fsync },
      ...{ secretCheck: '0123456789abcdef', begin: { nextSegment: 1, nextSequence: 1 } },
      segmentBytes: 64 << 20,
      board: this.board,
      clock: this.clock,
      onSegment: (segment) => this.reports.push({ type: 'segment', ...segment }),
    });
  }

  #newTurnLog(log: ShardLog, states: readonly ShardState[], counters: ShardCounters): TurnLog {
    for (const state of states) state.effects = log.effects;
    const report = (message: LogReport): void => void this.reports.push(message);
    return new TurnLog({ log, board: this.board, states, counters, report });
  }

  figures(): Record<ShardCounter, number> {
    return figuresOf(SHARD_COUNTERS, this.#counters);
  }

  counter(name: ShardCounter): number {
    return new Float64Array(this.#counters)[SHARD_COUNTER_INDEX[name]]!;
  }

  /** Puts one command into the ring, its body as a value; KV_ commands go to the default map. */
  push(name: string, key: SessionKey | undefined, body: unknown, flags = 0): number {
    const entry = commandEntryOf(name);
    if (entry === undefined) throw new Error(`no command ${name}`);
    const kv = entry.isDefaultMap ? FLAG_DEFAULT_MAP : 0;
    return this.pushRaw(entry.op, key, encode(body), flags | kv);
  }

  /** The same with the op as a number and the body as bytes. */
  pushRaw(op: number, key: SessionKey | undefined, body: Uint8Array, flags = 0): number {
    this.#id += 1;
    const isAside = REQUEST_HEADER_BYTES + body.length > this.requests.payloadBytesMax;
    if (isAside) this.#sideRoad.postCopy(body, 0, body.length);
    const inRing = isAside ? 0 : body.length;
    const at = this.requests.reserve(REQUEST_HEADER_BYTES + inRing);
    const words = this.requests.words;
    const word = at >>> 2;
    const digest = key?.digest ?? [0, 0, 0, 0];
    words.set(
      [
        17,
        3,
        this.#id,
        op | ((flags | (isAside ? FLAG_SIDE_ROAD : 0)) << 8) | ((key?.slot ?? 0) << 16),
        ...digest,
      ],
      word,
    );
    if (!isAside) this.requests.bytes.set(body, at + REQUEST_HEADER_BYTES);
    this.requests.publish();
    return this.#id;
  }

  /** One command, one turn, its reply. */
  call(name: string, key: SessionKey | undefined, body: unknown, flags = 0): Reply {
    const id = this.push(name, key, body, flags);
    return this.#only(id);
  }

  callRaw(op: number, key: SessionKey | undefined, body: Uint8Array, flags = 0): Reply {
    const id = this.pushRaw(op, key, body, flags);
    return this.#only(id);
  }

  /** One command, one turn: status and body alone. */
  ask(
    name: string,
    key: SessionKey | undefined,
    body: unknown = null,
    flags = 0,
  ): readonly [number, Record<string, unknown> | null] {
    const reply = this.call(name, key, body, flags);
    return [reply.status, reply.body];
  }

  statusOf(name: string, key: SessionKey | undefined, body: unknown = null, flags = 0): number {
    return this.call(name, key, body, flags).status;
  }

  /** A new session under the key, which must not be in use. */
  start(key: SessionKey, body: unknown = null): void {
    const [status] = this.ask('SH_NEW', key, body);
    if (status !== 1) throw new Error(`SH_NEW answered ${status}`);
  }

  /** Turns until there is nothing to do. */
  settle(): void {
    for (let turn = 0; turn < 100_000 && this.loop.runTurn(); turn += 1);
  }

  replies(): Reply[] {
    const replies: Reply[] = [];
    for (;;) {
      const at = this.#replies.next();
      if (at === RING_EMPTY) break;
      const isPush = this.#replies.words[(at >>> 2) + 1] === PUSH;
      if (isPush) this.#takePush(at, this.#replies.payloadBytes);
      else replies.push(this.#decode(at, this.#replies.payloadBytes));
    }
    this.#replies.release();
    return replies;
  }

  /** Pushes since the last call: after the next turn, for one that has come meanwhile. */
  pushes(): Push[] {
    this.replies();
    return this.#pushes.splice(0);
  }

  /** Their events and bodies alone. */
  pushed(): (readonly [string, Record<string, unknown>])[] {
    return this.pushes().map(({ event, body }) => [event, body] as const);
  }

  #takePush(at: number, payloadBytes: number): void {
    const words = this.#replies.words.subarray(at >>> 2, (at >>> 2) + 3);
    const [meaning = 0, , tokenAt = 0] = words;
    const isAside = tokenAt === SIDE_ROAD || tokenAt === NOT_DURABLE_SIDE_ROAD;
    const payload = isAside
      ? new Uint8Array(this.#sideRoad.take())
      : this.#replies.bytes.slice(at + REPLY_HEADER_BYTES, at + payloadBytes);
    const view = new DataView(payload.buffer);
    const inner = decode(payload.subarray(PUSH_HEADER_BYTES)) as Uint8Array;
    const [, event, body] = decode(inner, ANY_KEY) as [number, string, Record<string, unknown>];
    const isLost = tokenAt === NOT_DURABLE || tokenAt === NOT_DURABLE_SIDE_ROAD;
    const [watch, row] = [view.getInt32(0, true), view.getInt32(4, true)];
    this.#pushes.push({ meaning, watch, row, isLost, event, body });
  }

  #only(id: number): Reply {
    this.loop.runTurn();
    const replies = this.replies();
    const reply = replies[0];
    if (replies.length !== 1 || reply?.id !== id) throw new Error('expected one reply');
    return reply;
  }

  #decode(at: number, payloadBytes: number): Reply {
    const words = this.#replies.words;
    const word = at >>> 2;
    const tokenAt = words[word + 2]!;
    const bytes =
      tokenAt === SIDE_ROAD || tokenAt === NOT_DURABLE_SIDE_ROAD
        ? new Uint8Array(this.#sideRoad.take())
        : this.#replies.bytes.slice(at + REPLY_HEADER_BYTES, at + payloadBytes);
    const inner = decode(bytes) as Uint8Array;
    const [id, status, body] = decode(inner, ANY_KEY) as [number, number, null];
    const [connection, ticket] = [words[word]!, words[word + 1]!];
    return { id, status, body, tokenAt, connection, ticket, bytes: inner };
  }
}

function newState(
  observer: SessionObserver,
  nowMs: number,
  handles: MemoryHandles | undefined,
  isDefaultMap = false,
): ShardState {
  const seed: [number, number] = [0x1234_5678, 0x0bad_cafe];
  return new ShardState({ nowMs, seed, observer, isDefaultMap }, handles);
}
