/**
 * A reader of pushes sends nothing, so it would not notice a server that is gone without a word.
 * While anyone reads, a ping goes out now and then; its time-out drops the connection.
 */
import { planOf } from './command-plan.js';
import type { CommandSink } from './command-sink.js';
import type { Timers } from './options.js';

const PING = planOf('SV_PING');
const HEARTBEAT_MS = 20_000;

export class Heartbeat {
  readonly #sink: CommandSink;
  readonly #timers: Timers;
  readonly #isNeeded: () => boolean;
  #timer: unknown;

  constructor(sink: CommandSink, timers: Timers, isNeeded: () => boolean) {
    this.#sink = sink;
    this.#timers = timers;
    this.#isNeeded = isNeeded;
  }

  /** Call when it has become needed, or no longer is. */
  update(): void {
    if (!this.#isNeeded()) {
      if (this.#timer !== undefined) this.#timers.clearTimeout(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= this.#timers.setTimeout(this.#beat, HEARTBEAT_MS);
    }
  }

  readonly #beat = (): void => {
    this.#timer = undefined;
    if (!this.#isNeeded()) return;
    // Whatever comes of it is the pipeline's business.
    this.#sink.submit(PING, undefined, {}, () => undefined).catch(() => undefined);
    this.update();
  };
}
