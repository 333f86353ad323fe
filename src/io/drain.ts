/** The end of an I/O thread: answers what is in flight, then closes every connection with 1001. */
import type { Clock } from '../core/clock.js';
import { CLOSE_GOING_AWAY } from './outgoing.js';
import type { Traffic } from './traffic.js';

const LOOK_AGAIN_MS = 5;

export class Drain {
  readonly #traffic: Traffic;
  readonly #clock: Clock;

  constructor(traffic: Traffic, clock: Clock) {
    this.#traffic = traffic;
    this.#clock = clock;
  }

  /** New commands are answered 209 from here on. */
  async run(deadlineMs: number): Promise<void> {
    const traffic = this.#traffic;
    traffic.isDraining = true;
    while (traffic.inFlight > 0 && this.#clock.nowMs() < deadlineMs) await pause();
    for (const connection of traffic.connections.all()) {
      traffic.outgoing.condemn(connection, CLOSE_GOING_AWAY, 'the server is shutting down');
    }
    // Those who read slowly have what is left of the time to take their last replies.
    while (traffic.connections.size > 0 && this.#clock.nowMs() < deadlineMs) await pause();
    for (const connection of traffic.connections.all()) connection.socket.terminate();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LOOK_AGAIN_MS);
  });
}
