/**
 * Work that main gives a shard, done in slices between turns: walks over the sessions, loads of
 * saved ones. Orders are taken without an event loop: main posts one, counts ordersPosted up and
 * rings the shard's bell; the loop sees the count and empties its port.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { ShardOrder } from '../config/shard-messages.js';
import { assert } from '../core/errors.js';

/** One kind of work. It never blocks, for commands wait meanwhile. */
export interface OrderHandler {
  readonly types: readonly string[];
  /** Begins. Everything executed so far is complete in state and effects. */
  take(order: ShardOrder): void;
  /** Whether slice() has something to do; false while it waits for main. Asked every turn. */
  readonly isActive: boolean;
  /** Where it rests: when isActive may become true by itself; Infinity for not at all. */
  readonly resumeMs?: number;
  /** @param hasRequests commands came in this turn: be short, about 0.25 ms; else up to 1 ms. */
  slice(hasRequests: boolean): void;
  /** The flush after a slice is done, and whether it has made durable what the slice changed. */
  flushed?(isDurable: boolean): void;
}

export interface ShardOrdersParts {
  readonly port: MessagePort;
  /** How many orders main has posted so far, whatever it wraps at. */
  readonly ordersPosted: () => number;
  readonly handlers: readonly OrderHandler[];
}

export class ShardOrders {
  readonly #parts: ShardOrdersParts;
  readonly #handlers = new Map<string, OrderHandler>();
  #postedSeen = 0;

  constructor(parts: ShardOrdersParts) {
    this.#parts = parts;
    for (const handler of parts.handlers) {
      for (const type of handler.types) this.#handlers.set(type, handler);
    }
  }

  /** Takes what main has posted since the last call. */
  receive(): void {
    // Main posts before it counts, so the port holds every order that is counted here.
    const posted = this.#parts.ordersPosted();
    if (posted === this.#postedSeen) return;
    this.#postedSeen = posted;
    for (;;) {
      const received = receiveMessageOnPort(this.#parts.port) as
        { readonly message: ShardOrder } | undefined;
      if (received === undefined) return;
      const handler = this.#handlers.get(received.message.type);
      assert(handler !== undefined, `a shard knows the order ${received.message.type}`);
      handler.take(received.message);
    }
  }

  /** One slice of all that is under way. @returns whether anything was. */
  slice(hasRequests: boolean): boolean {
    let wasActive = false;
    for (const handler of this.#parts.handlers) {
      if (!handler.isActive) continue;
      wasActive = true;
      handler.slice(hasRequests);
    }
    return wasActive;
  }

  /** When a slice may be due again, though nobody rings. */
  get resumeMs(): number {
    let resumeMs = Infinity;
    for (const handler of this.#parts.handlers) {
      resumeMs = Math.min(resumeMs, handler.resumeMs ?? Infinity);
    }
    return resumeMs;
  }

  /** Once a turn, after its last flush. */
  flushed(isDurable: boolean): void {
    for (const handler of this.#parts.handlers) handler.flushed?.(isDurable);
  }
}
