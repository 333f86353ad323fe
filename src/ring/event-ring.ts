/**
 * What happens to sessions, on all shards, in one ring of the newest events: shards write it, I/O
 * threads read it, each at its own place. Nobody waits for a reader; one that falls behind by more
 * than the ring holds is told so.
 *
 * Layout of the SharedArrayBuffer, in bytes:
 *
 *   0    head    u64   events claimed so far: the number of the next
 *   8    wanted  i32   1 once anyone has asked for events; before that none need be written
 *   64   slots   48 bytes each, a power of two of them; event n lies in slot n % slots
 *
 *   slot, in i32 words:
 *   0    stamp   of the event in it, see stampOf(); 0 while none or while it is written
 *   1    kind    index into EVENT_KINDS
 *   2-4  id      the session's public id, three words of its digest
 *   5-7  newId   of `rotated`
 *   8-9  time    double, milliseconds
 *
 * A sequence number is the ring's first (the server's start in microseconds, so that numbers grow
 * over restarts) plus n.
 *
 * Ordering: every access to shared words is atomic, and so in one order for all. A writer claims
 * numbers, and writes a slot only once the event that was there a lap ago is complete; so a slot has
 * one writer at a time. It takes the stamp away, writes, and sets the new stamp. A reader takes the
 * words between two looks at the stamp, and has them whole if both show the event it wants.
 *
 * Whoever claims more numbers at a time than there are slots writes the last ones only: the others
 * are out of reach from that moment on.
 */
import { assert } from '../core/errors.js';

export const EVENT_KINDS = ['created', 'expired', 'cleared', 'ended', 'rotated', 'reused'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Of EVENT_KINDS by number. */
export const CREATED = 0;
export const EXPIRED = 1;
export const CLEARED = 2;
export const ENDED = 3;
export const ROTATED = 4;
export const REUSED = 5;

const HEAD_BYTES = 64;
const WANTED_AT = 8;
export const EVENT_BYTES = 48;
const SLOT_WORDS = EVENT_BYTES / 4;
const STAMP = 0;
const KIND = 1;
const ID = 2;
const TIME = 8;
const ID_WORDS = 3;
/** Words of the id and, behind them, of the new id. */
export const BOTH_IDS_WORDS = 6;
const STAMPS = 0xffff_ffff;
const MICROSECONDS = 1_000;
/** How long a writer sleeps at a time while another is still in its slot. */
const LAPPED_WAIT_MS = 1;
const LAPPED_LOOKS = 100;

/**
 * @param slots a power of two.
 * @param isWanted whether events are wanted from the start, before anyone asks.
 */
export function allocateEventRing(slots: number, isWanted: boolean): SharedArrayBuffer {
  assert((slots & (slots - 1)) === 0, 'the slots are a power of two');
  const shared = new SharedArrayBuffer(HEAD_BYTES + slots * EVENT_BYTES);
  new Int32Array(shared, WANTED_AT, 1)[0] = isWanted ? 1 : 0;
  return shared;
}

/** Tells events that share a slot apart, and is never 0. */
function stampOf(number: number): number {
  return ((number % STAMPS) + 1) | 0;
}

/** What both sides see of the memory. */
class EventRingEnd {
  readonly slots: number;
  protected readonly head: BigInt64Array;
  protected readonly wanted: Int32Array;
  protected readonly words: Int32Array;
  // A double and its two words: time travels as words.
  protected readonly double = new Float64Array(1);
  protected readonly doubleWords = new Int32Array(this.double.buffer);

  constructor(shared: SharedArrayBuffer) {
    this.head = new BigInt64Array(shared, 0, 1);
    this.wanted = new Int32Array(shared, WANTED_AT, 1);
    this.words = new Int32Array(shared, HEAD_BYTES);
    this.slots = this.words.length / SLOT_WORDS;
  }
}

export class EventRingWriter extends EventRingEnd {
  /** The first of the numbers claimed last. */
  #claimedFrom = 0;

  /** Whether anyone has ever asked for events; never taken back. */
  isWanted(): boolean {
    return Atomics.load(this.wanted, 0) !== 0;
  }

  /**
   * Claims numbers for so many events in one step.
   *
   * @returns the first. The events must be put(), in their order; of more than there are slots the
   * last ones only.
   */
  claim(count: number): number {
    this.#claimedFrom = Number(Atomics.add(this.head, 0, BigInt(count)));
    return this.#claimedFrom;
  }

  /** Writes an event whose number was claimed. @param ids six words from `at` on: id and new id. */
  put(number: number, kind: number, timeMs: number, ids: Int32Array, at: number): void {
    assert(number >= this.#claimedFrom, 'the number is of the last claim');
    const { words } = this;
    const slot = (number % this.slots) * SLOT_WORDS;
    this.#waitForTurn(number, slot + STAMP);
    Atomics.store(words, slot + STAMP, 0);
    Atomics.store(words, slot + KIND, kind);
    const idWords = kind === ROTATED ? BOTH_IDS_WORDS : ID_WORDS;
    for (let word = 0; word < idWords; word += 1) {
      Atomics.store(words, slot + ID + word, ids[at + word]!);
    }
    this.double[0] = timeMs;
    Atomics.store(words, slot + TIME, this.doubleWords[0]!);
    Atomics.store(words, slot + TIME + 1, this.doubleWords[1]!);
    Atomics.store(words, slot + STAMP, stampOf(number));
  }

  /**
   * Until the event of the lap before is complete, which may be in the hands of a thread that the
   * system has put aside. Whoever waits has the higher number, so nobody waits in a circle.
   */
  #waitForTurn(number: number, stampAt: number): void {
    // The slot's last event before this claim; numbers of the claim itself may have been left out.
    const laps = Math.floor((number - this.#claimedFrom) / this.slots) + 1;
    const last = number - laps * this.slots;
    const before = last < 0 ? 0 : stampOf(last);
    for (let looks = 0; ; looks += 1) {
      const stamp = Atomics.load(this.words, stampAt);
      if (stamp === before) return;
      if (looks >= LAPPED_LOOKS) Atomics.wait(this.words, stampAt, stamp, LAPPED_WAIT_MS);
    }
  }
}

export class EventRingReader extends EventRingEnd {
  /** Sequence number of event 0. */
  readonly firstSequence: number;
  /** Of the event that read() gave last. */
  kind = CREATED;
  timeMs = 0;
  /** Three words of its id, three of its new id. */
  readonly ids = new Int32Array(BOTH_IDS_WORDS);

  /** @param startedMs the server's start, the same for all readers. */
  constructor(shared: SharedArrayBuffer, startedMs: number) {
    super(shared);
    this.firstSequence = Math.floor(startedMs * MICROSECONDS);
  }

  /** Events are wanted from now on: what shards do for requests that come later is told. */
  want(): void {
    Atomics.store(this.wanted, 0, 1);
  }

  /** Number of the next event. */
  get next(): number {
    return Number(Atomics.load(this.head, 0));
  }

  /** Number of the oldest event that is kept; it may go any moment. */
  get oldest(): number {
    return Math.max(0, this.next - this.slots);
  }

  /**
   * Reads the event of a number.
   *
   * @returns whether it is there. If it is not, it is either still to come or, with `oldest` beyond
   * it, gone.
   */
  read(number: number): boolean {
    const { words } = this;
    const slot = (number % this.slots) * SLOT_WORDS;
    const stamp = stampOf(number);
    if (Atomics.load(words, slot + STAMP) !== stamp) return false;
    this.kind = Atomics.load(words, slot + KIND);
    const idWords = this.kind === ROTATED ? BOTH_IDS_WORDS : ID_WORDS;
    for (let word = 0; word < idWords; word += 1) {
      this.ids[word] = Atomics.load(words, slot + ID + word);
    }
    this.doubleWords[0] = Atomics.load(words, slot + TIME);
    this.doubleWords[1] = Atomics.load(words, slot + TIME + 1);
    this.timeMs = this.double[0]!;
    return Atomics.load(words, slot + STAMP) === stamp;
  }
}
