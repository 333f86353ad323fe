/**
 * Time, as one injected value: milliseconds since the Unix epoch as a double, that never go back.
 *
 * SystemClock anchors the wall clock once, at the start of the process, and then follows the
 * monotonic clock, so that a step of the wall clock moves no deadline. All threads of a process
 * share the anchor. SharedManualClock is for tests: one shared word, moved by hand, seen by all
 * threads. Only this file reads the machine's clocks.
 */
export interface Clock {
  nowMs(): number;
}

/** How a clock crosses to another thread, in workerData. */
export type ClockSource =
  | { readonly kind: 'system'; readonly wallMs: number; readonly originMs: number }
  | { readonly kind: 'manual'; readonly shared: SharedArrayBuffer };

/** The anchor of this process; call once, on the main thread. */
export function systemClockSource(): ClockSource {
  return {
    kind: 'system',
    wallMs: Date.now(),
    originMs: performance.timeOrigin + performance.now(),
  };
}

export class SystemClock implements Clock {
  readonly #offsetMs: number;

  constructor(source: { readonly wallMs: number; readonly originMs: number }) {
    // Each thread's performance.now() counts from its own timeOrigin, both on one monotonic clock.
    this.#offsetMs = source.wallMs - source.originMs + performance.timeOrigin;
  }

  nowMs(): number {
    return performance.now() + this.#offsetMs;
  }
}

export class SharedManualClock implements Clock {
  readonly shared: SharedArrayBuffer;
  // Whole microseconds as a 64-bit integer, because Atomics works on integers only.
  readonly #microseconds: BigInt64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.shared = shared;
    this.#microseconds = new BigInt64Array(shared);
  }

  nowMs(): number {
    return Number(Atomics.load(this.#microseconds, 0)) / 1_000;
  }

  set(ms: number): void {
    Atomics.store(this.#microseconds, 0, BigInt(Math.round(ms * 1_000)));
  }

  advance(ms: number): void {
    this.set(this.nowMs() + ms);
  }
}

export function clockFrom(source: ClockSource): Clock {
  return source.kind === 'system' ? new SystemClock(source) : new SharedManualClock(source.shared);
}
