/**
 * What a turn does for requests: takes them from rings, executes them, writes what has changed to the
 * log, and publishes the replies of each ring in one store. The shard's thread runs it between its
 * other work, and an I/O thread that has borrowed the shard runs it alone.
 */
import type { ReplyWriter } from '../commands/reply.js';
import { NIL } from '../memory/shared-memory.js';
import { REQUEST_DIGEST_BYTE } from '../ring/records.js';
import type { SideRoad } from '../ring/side-road.js';
import { RING_EMPTY, type RingConsumer } from '../ring/spsc-ring.js';
import { READ_AHEAD_MAX, type ShardState } from '../state/shard-state.js';
import type { Dispatcher } from './dispatch.js';
import type { EventFeed } from './event-feed.js';
import type { Pushes } from './pushes.js';
import type { RingSink } from './ring-sink.js';
import type { ShardCounters } from './shard-counters.js';
import type { TurnLog } from './turn-log.js';

/** The shard's side of its rings with one I/O thread. */
export interface ShardLink {
  readonly requests: RingConsumer;
  /** Of the I/O thread. */
  readonly ioBell: { ring(): void };
  readonly sideRoad: SideRoad;
  readonly sink: RingSink;
  readonly reply: ReplyWriter;
}

export interface TurnParts {
  readonly links: readonly ShardLink[];
  readonly dispatcher: Dispatcher;
  /** The sessions, and on the first shard the default map. */
  readonly states: readonly ShardState[];
  readonly counters: ShardCounters;
  /** Undefined where nothing is kept on disk. */
  readonly log?: TurnLog | undefined;
  /** For watchers. */
  readonly pushes?: Pushes | undefined;
  /** For SV_EVENTS. */
  readonly events?: EventFeed | undefined;
  /** Taken from one ring in one turn. */
  readonly requestsPerTurn: number;
  /** The same while as many bytes of them wait behind; requestsPerTurn or more. */
  readonly requestsPerTurnMax: number;
}

export class Turn {
  readonly #parts: TurnParts;
  readonly #sessions: ShardState;
  readonly #offsets = new Int32Array(READ_AHEAD_MAX);
  readonly #places = new Int32Array(READ_AHEAD_MAX);
  readonly #guesses = new Int32Array(READ_AHEAD_MAX);

  constructor(parts: TurnParts) {
    this.#parts = parts;
    this.#sessions = parts.states[0]!;
  }

  begin(nowMs: number): void {
    const { events, log, states } = this.#parts;
    for (const state of states) state.beginTurn(nowMs);
    events?.beginTurn(nowMs);
    log?.beginTurn(nowMs);
  }

  /** Takes and answers requests. @returns how many. */
  serve(): number {
    const { events, links, log } = this.#parts;
    const requests = this.#takeRequests();
    // Who has a reply finds it counted, and in the feed of events.
    if (requests > 0) this.publishFigures();
    if (requests > 0 && events !== undefined && events.hasAny) {
      if (log === undefined || log.flush()) events.write();
    }
    for (const link of links) link.sink.publish();
    return requests;
  }

  /** Logs and tells of what no reply waited for. @returns whether it is durable. */
  end(): boolean {
    const { events, links, log, pushes } = this.#parts;
    if (pushes !== undefined && pushes.hasNotices) pushes.send();
    const isDurable = log === undefined || log.flush();
    for (const link of links) link.sink.publish();
    if (isDurable) events?.write();
    return isDurable;
  }

  publishFigures(): void {
    const { counters, states } = this.#parts;
    let bytes = 0;
    for (const state of states) bytes += state.bytes;
    counters.set('sessions', this.#sessions.sessionCount);
    counters.set('keys', this.#sessions.keys.total);
    counters.set('memoryBytes', bytes);
  }

  #takeRequests(): number {
    let taken = 0;
    for (const link of this.#parts.links) {
      const { requests } = link;
      let here = 0;
      while (this.#mayTake(here, requests)) {
        const batch = this.#takeBatch(link);
        here += batch;
        if (batch < READ_AHEAD_MAX) break;
      }
      if (here === 0) continue;
      requests.release();
      if (requests.isRoomWanted()) link.ioBell.ring();
      taken += here;
    }
    return taken;
  }

  #mayTake(taken: number, requests: RingConsumer): boolean {
    const { requestsPerTurn, requestsPerTurnMax } = this.#parts;
    if (taken < requestsPerTurn) return true;
    return taken < requestsPerTurnMax && requests.hasAsMuchAgain();
  }

  /**
   * A few requests at a time: first a look at what all of them will look up, then each in its turn
   * (engine bench, 1M sessions, medians of three pairs of runs: GET 4 % more a second, SET 5 %).
   */
  #takeBatch({ requests, sideRoad, reply, sink }: ShardLink): number {
    const offsets = this.#offsets;
    const places = this.#places;
    const guesses = this.#guesses;
    let count = 0;
    while (count < READ_AHEAD_MAX) {
      const at = requests.next();
      if (at === RING_EMPTY) break;
      offsets[count] = at;
      places[count] = (at + REQUEST_DIGEST_BYTE) >>> 2;
      count += 1;
    }
    if (count > 1) this.#sessions.readAhead(requests.words, places, count, guesses);
    else guesses[0] = NIL;
    const { dispatcher, events, log, pushes } = this.#parts;
    events?.look();
    for (let index = 0; index < count; index += 1) {
      const at = offsets[index]!;
      const changes = dispatcher.dispatch(requests, at, guesses[index]!, sideRoad, reply);
      if (log !== undefined) log.executed(sink, changes);
      if (pushes !== undefined && pushes.hasNotices) pushes.send();
    }
    return count;
  }
}
