/**
 * What happens to the sessions of a shard, for SV_EVENTS: gathered during a turn, and written to the
 * ring of all shards (ring/event-ring.ts) once the log has the turn.
 *
 * Until anyone has asked for events, which most servers are never asked, nothing is gathered: an event
 * costs 130 to 300 ns, a fifth to a third of what it takes to expire a session.
 *
 * While the log cannot be written, events wait. More than the ring holds are not kept: the oldest
 * are left out, and readers are told of a gap.
 *
 * Whoever has a replaced token can use it a million times. So `reused` is told of a session once a
 * second at most, and of REUSED_SESSIONS_MAX sessions; the counter tokensReused has all uses.
 */
import {
  BOTH_IDS_WORDS,
  CLEARED,
  CREATED,
  ENDED,
  type EventRingWriter,
  EXPIRED,
  REUSED,
  ROTATED,
} from '../ring/event-ring.js';
import type { LifecycleKind, LifecycleObserver } from '../state/observers.js';

const FIRST_EVENTS = 1_024;
const KIND_WORD = BOTH_IDS_WORDS;
const EVENT_WORDS = 8;
const REUSED_MS = 1_000;
const REUSED_SESSIONS_MAX = 1_024;
const ID_WORDS = 3;

/** Events that another thread could not write, because its log had failed. */
export interface HeldEvents {
  /** Eight words each, as they are gathered here. */
  readonly words: Int32Array;
  readonly times: Float64Array;
}

export class EventFeed implements LifecycleObserver {
  readonly #ring: EventRingWriter;
  /** Event n of this turn lies at n % capacity: six words of ids, its kind. */
  #words = new Int32Array(FIRST_EVENTS * EVENT_WORDS);
  #times = new Float64Array(FIRST_EVENTS);
  #capacity: number;
  #count = 0;
  #nowMs = 0;
  #isWanted = false;
  /** Sessions of which `reused` was told since then. */
  readonly #reused = new Set<number>();
  #reusedSinceMs = -Infinity;

  constructor(ring: EventRingWriter) {
    this.#ring = ring;
    this.#capacity = Math.min(FIRST_EVENTS, ring.slots);
  }

  /** Whether write() has anything to do. */
  get hasAny(): boolean {
    return this.#count > 0;
  }

  beginTurn(nowMs: number): void {
    this.#nowMs = nowMs;
    this.look();
  }

  /**
   * Looks whether events are wanted by now. Once requests have been taken, and before they are executed:
   * whoever has been told that they are finds the events of all it asks for afterwards.
   */
  look(): void {
    if (!this.#isWanted) this.#isWanted = this.#ring.isWanted();
  }

  happened(kind: LifecycleKind, digest: Int32Array, at: number): void {
    if (this.#isWanted) this.#add(numberOf(kind), digest, at);
  }

  rotated(oldDigest: Int32Array, oldAt: number, digest: Int32Array, at: number): void {
    if (!this.#isWanted) return;
    const word = this.#add(ROTATED, oldDigest, oldAt);
    for (let i = 0; i < ID_WORDS; i += 1) this.#words[word + ID_WORDS + i] = digest[at + i]!;
  }

  /** A token that a rotation had replaced was used. @param digest of the session as it is now. */
  reused(digest: Int32Array, at: number): void {
    if (!this.#isWanted) return;
    if (Math.abs(this.#nowMs - this.#reusedSinceMs) >= REUSED_MS) {
      this.#reused.clear();
      this.#reusedSinceMs = this.#nowMs;
    }
    // 53 bits of its digest.
    const session = (digest[at]! >>> 0) * 2 ** 21 + (digest[at + 1]! >>> 11);
    if (this.#reused.size === REUSED_SESSIONS_MAX || this.#reused.has(session)) return;
    this.#reused.add(session);
    this.#add(REUSED, digest, at);
  }

  /** The log has everything that happened so far: whoever listens may know. */
  write(): void {
    const count = this.#count;
    if (count === 0) return;
    const first = this.#ring.claim(count);
    for (let event = Math.max(0, count - this.#capacity); event < count; event += 1) {
      const place = event % this.#capacity;
      const word = place * EVENT_WORDS;
      const kind = this.#words[word + KIND_WORD]!;
      this.#ring.put(first + event, kind, this.#times[place]!, this.#words, word);
    }
    this.#count = 0;
  }

  /** All that wait, the oldest first; they are somebody else's from here on. */
  take(): HeldEvents {
    const first = Math.max(0, this.#count - this.#capacity);
    const words = new Int32Array((this.#count - first) * EVENT_WORDS);
    const times = new Float64Array(this.#count - first);
    for (let event = first; event < this.#count; event += 1) {
      const place = event % this.#capacity;
      const from = place * EVENT_WORDS;
      words.set(this.#words.subarray(from, from + EVENT_WORDS), (event - first) * EVENT_WORDS);
      times[event - first] = this.#times[place]!;
    }
    this.#count = 0;
    return { words, times };
  }

  /** Events of another feed that has taken them. */
  adopt({ words, times }: HeldEvents): void {
    for (let event = 0; event < times.length; event += 1) {
      const place = this.#place();
      const from = event * EVENT_WORDS;
      this.#words.set(words.subarray(from, from + EVENT_WORDS), place * EVENT_WORDS);
      this.#times[place] = times[event]!;
    }
  }

  /** @returns where its words are. */
  #add(kind: number, digest: Int32Array, at: number): number {
    const place = this.#place();
    const word = place * EVENT_WORDS;
    for (let i = 0; i < ID_WORDS; i += 1) this.#words[word + i] = digest[at + i]!;
    this.#words[word + KIND_WORD] = kind;
    this.#times[place] = this.#nowMs;
    return word;
  }

  /** For one more event. */
  #place(): number {
    if (this.#count === this.#capacity && this.#capacity < this.#ring.slots) this.#grow();
    this.#count += 1;
    return (this.#count - 1) % this.#capacity;
  }

  #grow(): void {
    this.#capacity = Math.min(this.#capacity * 2, this.#ring.slots);
    const words = new Int32Array(this.#capacity * EVENT_WORDS);
    words.set(this.#words);
    this.#words = words;
    const times = new Float64Array(this.#capacity);
    times.set(this.#times);
    this.#times = times;
  }
}

/** By comparisons: they cost next to nothing where the kind is known, a look-up by name 15 ns. */
function numberOf(kind: LifecycleKind): number {
  if (kind === 'created') return CREATED;
  if (kind === 'expired') return EXPIRED;
  return kind === 'cleared' ? CLEARED : ENDED;
}
