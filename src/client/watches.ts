/**
 * The watches of one connection: which sessions are watched, and who reads what of it comes.
 *
 *   SH_WATCH sent -> reply, with the id -> pushes of that id      until SH_UNWATCH or the last push
 *
 * The server knows one watch for each session and connection, however many read it here, so
 * SH_UNWATCH goes out when the last reader leaves, and not while another watch is on its way, which
 * might be one of the same session.
 */
import { changeOf, isFinal, type Change } from './changes.js';
import { planOf } from './command-plan.js';
import type { CurrentToken } from './current-token.js';
import { SessionNotFoundError } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import type { Pipeline } from './pipeline.js';
import type { PushListener } from './push-listeners.js';
import { PushQueue } from './push-queue.js';
import type { Members } from './results.js';

const WATCH = planOf('SH_WATCH');
const UNWATCH = planOf('SH_UNWATCH');
/** Once the gap is announced, it does no harm if the watch begins late. */
const WATCH_AGAIN = { ...WATCH, isRepeatable: true };
const MAX_BUFFERED = 10_000;

type Reader = PushQueue<Change>;

/** A session that is watched. */
interface Watched {
  id: string;
  token: CurrentToken;
  readonly readers: Set<Reader>;
  /** SH_WATCH is on its way again. */
  isResuming: boolean;
}

const nothing = (): void => undefined;

export class Watches implements PushListener {
  readonly #pipeline: Pipeline;
  readonly #heartbeat: Heartbeat;
  readonly #watchedById = new Map<string, Watched>();
  /** SH_WATCH on their way for the first time. */
  readonly #starting = new Set<Reader>();

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
    this.#heartbeat = new Heartbeat(pipeline, pipeline.timers, () => this.#watchedById.size > 0);
    pipeline.listen(this);
  }

  /** Watches at once: what is read after this call is not older than what the watch begins with. */
  watch(token: CurrentToken, maxBuffered: number = MAX_BUFFERED): Reader {
    const reader: Reader = new PushQueue(maxBuffered, (left) => this.#leave(left));
    this.#starting.add(reader);
    this.#pipeline
      // In convert, because pushes may follow the reply in the same frame.
      .submit(WATCH, token, {}, ({ id }) => this.#started(reader, id, token))
      .catch((error: unknown) => reader.end(error as Error))
      .finally(() => {
        this.#starting.delete(reader);
        this.#dropUnread();
      });
    return reader;
  }

  /** Ends all watches of the session on this connection. */
  unwatch(token: CurrentToken): Promise<void> {
    const isOfSession = (watched: Watched): boolean =>
      watched.id === token.id || watched.token.text === token.text;
    return this.#pipeline.submit(UNWATCH, token, {}, () => {
      for (const watched of this.#all().filter(isOfSession)) this.#end(watched);
    });
  }

  /** Watches that were started with the text go on with the token that has taken its place. */
  tokenReplaced(oldText: string, token: CurrentToken): void {
    for (const watched of this.#all()) {
      if (watched.token.text === oldText) watched.token = token;
    }
  }

  pushed(event: string, body: Members): void {
    const change = changeOf(event, body);
    const watched = change === undefined ? undefined : this.#watchedById.get(change.id);
    if (change === undefined || watched === undefined) return;
    this.#tell(watched, change);
    if (change.event === 'rotated') this.#rename(watched, change.newId);
    // The server has ended the watch with it.
    if (change.event === 'lost' && !watched.isResuming) void this.#resume(watched);
    if (isFinal(change)) this.#end(watched);
  }

  reconnected(): void {
    for (const watched of this.#all()) {
      if (watched.readers.size === 0) this.#end(watched);
      else if (!watched.isResuming) void this.#resume(watched);
    }
  }

  ended(error: Error | undefined): void {
    for (const watched of this.#all()) this.#end(watched, error);
    this.#heartbeat.update();
  }

  async #resume(watched: Watched): Promise<void> {
    watched.isResuming = true;
    try {
      await this.#pipeline.submit(WATCH_AGAIN, watched.token, {}, ({ id }) => {
        watched.isResuming = false;
        // Its readers have left meanwhile.
        if (this.#watchedById.get(watched.id) !== watched) return this.#unwatch(watched.token);
        if (id !== watched.id) this.#rename(watched, id);
        this.#tell(watched, { event: 'resumed', id });
      });
    } catch (error) {
      const isOver = error instanceof SessionNotFoundError;
      if (isOver) this.#tell(watched, { event: 'ended', id: watched.id, isMissed: true });
      this.#end(watched, isOver ? undefined : (error as Error));
    }
  }

  #started(reader: Reader, id: string, token: CurrentToken): void {
    let watched = this.#watchedById.get(id);
    if (watched === undefined) {
      watched = { id, token, readers: new Set(), isResuming: false };
      this.#watchedById.set(id, watched);
      this.#heartbeat.update();
    }
    if (!reader.isEnded) watched.readers.add(reader);
  }

  #leave(reader: Reader): void {
    for (const watched of this.#all()) watched.readers.delete(reader);
    this.#dropUnread();
  }

  /** Ends the watches that nobody reads, unless somebody may be about to. */
  #dropUnread(): void {
    if (this.#starting.size > 0) return;
    for (const watched of this.#all()) {
      if (watched.readers.size > 0) continue;
      this.#end(watched);
      this.#unwatch(watched.token);
    }
  }

  #unwatch(token: CurrentToken): void {
    this.#pipeline.submit(UNWATCH, token, {}, nothing).catch(nothing);
  }

  #all(): Watched[] {
    return [...this.#watchedById.values()];
  }

  #tell(watched: Watched, change: Change): void {
    for (const reader of [...watched.readers]) reader.push(change);
  }

  #rename(watched: Watched, id: string): void {
    this.#watchedById.delete(watched.id);
    watched.id = id;
    this.#watchedById.set(id, watched);
  }

  #end(watched: Watched, error?: Error): void {
    this.#watchedById.delete(watched.id);
    for (const reader of watched.readers) reader.end(error);
    watched.readers.clear();
    this.#heartbeat.update();
  }
}
