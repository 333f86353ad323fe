/** The feed of what happens to sessions, all over the server: one for each connection. */
import { planOf } from './command-plan.js';
import type { SojournError } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import type { Pipeline } from './pipeline.js';
import type { PushListener } from './push-listeners.js';
import { PushQueue } from './push-queue.js';
import type { Members } from './results.js';

const EVENTS = planOf('SV_EVENTS');
/** Asking again for what follows a sequence number does no harm. */
const EVENTS_AGAIN = { ...EVENTS, isRepeatable: true };
const MAX_BUFFERED = 10_000;

/** What can happen to a session; `cleared`: a deadline removed its data; `reused`: a rotated token was used. */
export type SessionEventKind = 'created' | 'expired' | 'cleared' | 'ended' | 'rotated' | 'reused';

/** Something happened to a session. */
export interface SessionEvent {
  /** What happened. */
  readonly kind: SessionEventKind;
  /** Its place in the order of all events; grows across restarts of the server. */
  readonly seq: number;
  /** Public id of the session. */
  readonly id: string;
  /** When, in Unix seconds. */
  readonly time: number;
  /** Public id from now on, with `rotated`. */
  readonly newId?: string;
}

/** Events are missing: the server does not have them any more. */
export interface GapEvent {
  /** Says that this is a gap. */
  readonly kind: 'gap';
  /** The first that is missing. */
  readonly from: number;
  /** The last that is missing. */
  readonly to: number;
}

/** The last of a feed: the client read too slowly, or called events() again. */
export interface UnsubscribedEvent {
  /** Says that the feed ends here. */
  readonly kind: 'unsubscribed';
  /** What to go on from: `client.events({ from: seq })`. */
  readonly seq: number;
  /** One line for people. */
  readonly reason: string;
}

/** What client.events() yields, by its `kind`. */
export type ServerEvent = SessionEvent | GapEvent | UnsubscribedEvent;

/** Which events client.events() yields. */
export interface EventsOptions {
  /** First sequence number wanted; absent: from now on. */
  readonly from?: number;
  /** Only these; absent: all. */
  readonly kinds?: readonly SessionEventKind[];
  /**
   * Events that may wait in the client until the loop takes them; one more ends it with
   * FeedOverflowError. Default 10,000.
   */
  readonly maxBuffered?: number;
}

type Reader = PushQueue<ServerEvent>;

interface Subscription {
  readonly reader: Reader;
  readonly kinds: readonly SessionEventKind[] | undefined;
  /** What to ask for when the connection is made again. */
  next: number;
  isResuming: boolean;
}

const nothing = (): void => undefined;

export class ServerEvents implements PushListener {
  readonly #pipeline: Pipeline;
  readonly #heartbeat: Heartbeat;
  #subscription: Subscription | undefined;
  #startingCount = 0;

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
    this.#heartbeat = new Heartbeat(
      pipeline,
      pipeline.timers,
      () => this.#subscription !== undefined,
    );
    pipeline.listen(this);
  }

  open({ from, kinds, maxBuffered = MAX_BUFFERED }: EventsOptions): Reader {
    if (kinds?.length === 0) throw new TypeError('kinds must name one kind at least');
    const reader: Reader = new PushQueue(maxBuffered, (left) => this.#leave(left));
    const wanted = kinds?.slice();
    this.#startingCount += 1;
    this.#pipeline
      .submit(EVENTS, undefined, wantedBody(from, wanted), ({ seq }) => {
        this.#replaceBy({ reader, kinds: wanted, next: from ?? seq, isResuming: false });
      })
      .catch((error: unknown) => reader.end(error as Error))
      .finally(() => {
        this.#startingCount -= 1;
        if (this.#subscription?.reader.isEnded === true) this.#leave(this.#subscription.reader);
      });
    return reader;
  }

  pushed(event: string, body: Members): void {
    const subscription = this.#subscription;
    if (subscription === undefined) return;
    const { reader } = subscription;
    if (event === 'event') {
      const happened = body as unknown as SessionEvent;
      // Seen before the connection was lost.
      if (!(happened.seq >= subscription.next)) return;
      subscription.next = happened.seq + 1;
      reader.push(happened);
    } else if (event === 'gap') {
      const gap = { kind: 'gap', ...body } as unknown as GapEvent;
      subscription.next = Math.max(subscription.next, gap.to + 1);
      reader.push(gap);
    } else if (event === 'unsubscribed') {
      reader.push({ kind: 'unsubscribed', ...body } as unknown as UnsubscribedEvent);
      this.#end();
    }
  }

  reconnected(): void {
    const subscription = this.#subscription;
    if (subscription === undefined || subscription.isResuming) return;
    subscription.isResuming = true;
    const { next, kinds, reader } = subscription;
    this.#pipeline
      .submit(EVENTS_AGAIN, undefined, wantedBody(next, kinds), () => {
        subscription.isResuming = false;
      })
      .catch((error: unknown) => {
        reader.end(error as Error);
        if (this.#subscription === subscription) this.#end();
      });
  }

  ended(error: SojournError | undefined): void {
    this.#end(error);
  }

  #replaceBy(subscription: Subscription): void {
    const before = this.#subscription;
    const reason = 'another events() has taken its place';
    before?.reader.push({ kind: 'unsubscribed', seq: before.next, reason });
    this.#end();
    this.#subscription = subscription;
    this.#heartbeat.update();
  }

  #leave(reader: Reader): void {
    // One that is on its way replaces this one, and has to be waited for.
    if (this.#subscription?.reader !== reader || this.#startingCount > 0) return;
    this.#end();
    this.#pipeline.submit(EVENTS, undefined, { kinds: [] }, nothing).catch(nothing);
  }

  #end(error?: Error): void {
    this.#subscription?.reader.end(error);
    this.#subscription = undefined;
    this.#heartbeat.update();
  }
}

function wantedBody(
  from: number | undefined,
  kinds: readonly SessionEventKind[] | undefined,
): { readonly from?: number; readonly kinds?: readonly string[] } {
  return { ...(from !== undefined && { from }), ...(kinds !== undefined && { kinds }) };
}
