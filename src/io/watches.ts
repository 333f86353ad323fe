/**
 * Who watches which session, of the connections of this thread. A session's watch number is its
 * shard's name for it as long as anyone watches it; see state/notices.ts.
 *
 * SH_WATCH and SH_UNWATCH run on the session's shard like any command, so their place among the
 * session's changes is certain; what they mean for the connection happens here when the reply comes
 * back: from then on, or no longer, pushes of that number are for the connection.
 *
 * The shard sends a push to each thread that ever had watchers of the session, until it is told that
 * there are none left (OP_UNWATCHED). That is told in answer to a push that finds nobody here, and
 * not while an SH_WATCH is on its way to that shard, which could overtake it in meaning: it would be
 * answered, and then be forgotten.
 *
 * A watcher whose connection has half of --max-unsent unread is cut loose: its watch ends with
 * `unwatched`, and the connection goes on. So are the watchers for whom a push would be copied to more
 * than PUSH_BYTES_MAX in all: others of this thread wait for it, and the copies may lie in sockets.
 */
import { ByteSpace } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { assert } from '../core/errors.js';
import { STATUSES } from '../core/statuses.js';
import { NativeCursor } from '../protocol/native-cursor.js';
import { NativeWriter } from '../protocol/native-writer.js';
import { encodeTextPush } from '../protocol/text-push.js';
import { OP_UNWATCHED, PUSH_ENDED, PUSH_ROTATED } from '../ring/records.js';
import type { Connection } from './connection.js';
import { PartReader, type Caller, type FanOut } from './fan-out.js';
import { RequestHeader } from './shard-link.js';
import { NO_TICKET } from './tickets.js';
import type { Traffic } from './traffic.js';

/** Threads that have a bit of their own in the shards' masks. */
const OWN_BITS = 32;
const WATCH_LIMIT_HITS = IO_COUNTER_INDEX.watchLimitHits;
const WATCHERS_CUT_LOOSE = IO_COUNTER_INDEX.watchersCutLoose;
const PUSHES_OUT = IO_COUNTER_INDEX.pushesOut;

/** Copies of one push, 1 MiB for 32 watchers: some ten milliseconds. */
export const PUSH_BYTES_MAX = 32 * 1_024 * 1_024;
/** So much of a pump's records is a push taken for, beside one for each watcher. */
const BYTES_PER_RECORD = 8 * 1_024;

const NOTHING = new ByteSpace(new ArrayBuffer(0));
const TOO_MANY_WATCHERS = 'the session has --max-watchers watchers on this thread';
const TOO_MANY_WATCHES = 'the connection watches --max-watches sessions';
export const SLOW_REASON = 'pushes are read too slowly';
const LARGE_REASON = 'the change is too large for all who watch';
const LOST_REASON = STATUSES.NOT_DURABLE.help;

/** Takes pushes to connections, in their order among the replies. */
export interface PushOut {
  pushNative(connection: Connection, space: ByteSpace, start: number, bytes: number): void;
  pushText(connection: Connection, text: string): void;
}

/** A push as it came from a shard. */
export interface ShardPush {
  readonly shard: number;
  readonly meaning: number;
  readonly watch: number;
  readonly row: number;
  /** What it speaks of could not be logged. */
  readonly isLost: boolean;
  /** A msgpack bin that holds [0, event, body]. */
  readonly space: ByteSpace;
  readonly start: number;
  readonly end: number;
}

export class WatchedSession {
  readonly shard: number;
  readonly watch: number;
  /** The public id. */
  id: string;
  /** Connections of this thread, and whether they are told as text. */
  readonly watchers = new Map<Connection, boolean>();

  constructor(shard: number, watch: number, id: string) {
    this.shard = shard;
    this.watch = watch;
    this.id = id;
  }
}

export class Watches {
  readonly #traffic: Traffic;
  /** By shard: sessions by watch number. */
  readonly #sessions: readonly Map<number, WatchedSession>[];
  /** By shard: SH_WATCH commands on their way there or back. */
  readonly #underWay: Int32Array;
  readonly #header = new RequestHeader(new Int32Array(4));
  readonly #cursor = new NativeCursor();

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
    this.#sessions = traffic.links.map(() => new Map<number, WatchedSession>());
    this.#underWay = new Int32Array(traffic.links.length);
  }

  /** Sessions that connections of this thread watch. */
  get size(): number {
    return this.#sessions.reduce((sum, { size }) => sum + size, 0);
  }

  /** The note of an SH_WATCH or SH_UNWATCH that is about to go to a shard. */
  noteOf(isWatching: boolean, caller: Caller): WatchNote {
    return new WatchNote(this, isWatching, caller);
  }

  /** An SH_WATCH has gone to a shard; its note's absorb() will tell that it is back. */
  sent(shard: number): void {
    this.#underWay[shard]! += 1;
  }

  /** An SH_WATCH has come back with an answer, of whatever status. */
  answered(shard: number): void {
    this.#underWay[shard]! -= 1;
  }

  /** The shard knows of the watch. @returns '' or why there is none nevertheless. */
  begin(shard: number, { id, row, watch }: WatchPlace, caller: Caller): string {
    const { config, connections, counters } = this.#traffic;
    const connection = connections.find(caller.connection);
    const session = this.#sessions[shard]!.get(watch);
    const isKnown = connection !== undefined && session?.watchers.has(connection) === true;
    let reason = '';
    if (!isKnown && (session?.watchers.size ?? 0) >= config.maxWatchers) reason = TOO_MANY_WATCHERS;
    else if (!isKnown && (connection?.watches?.size ?? 0) >= config.maxWatches) {
      reason = TOO_MANY_WATCHES;
    }
    if (reason !== '') counters[WATCH_LIMIT_HITS]! += 1;
    if (reason !== '' || connection === undefined || connection.isCondemned) {
      if (session === undefined) this.#tellUnwatched(shard, row, watch);
      return reason;
    }
    const watched = session ?? new WatchedSession(shard, watch, id);
    this.#sessions[shard]!.set(watch, watched);
    watched.watchers.set(connection, caller.text !== undefined);
    (connection.watches ??= new Set()).add(watched);
    return '';
  }

  /** The connection watches the session no more. */
  end(shard: number, { row, watch }: WatchPlace, caller: Caller): void {
    const connection = this.#traffic.connections.find(caller.connection);
    const session = this.#sessions[shard]!.get(watch);
    if (session === undefined || connection === undefined) return;
    this.#leave(session, connection);
    if (session.watchers.size === 0) this.#tellUnwatched(shard, row, watch);
  }

  /** A connection has closed. Shards learn of it with their next push. */
  forget(connection: Connection): void {
    for (const session of connection.watches ?? []) this.#leave(session, connection);
  }

  /** Gives a push to all who watch its session. @returns how many records of a pump it counts for. */
  deliver(push: ShardPush, out: PushOut): number {
    const { shard, row, watch, meaning } = push;
    const session = this.#sessions[shard]!.get(watch);
    if (session === undefined) {
      if (meaning !== PUSH_ENDED) this.#tellUnwatched(shard, row, watch);
      return 0;
    }
    const watchers = session.watchers.size;
    const bytes = Math.min(watchers * (push.end - push.start), PUSH_BYTES_MAX);
    if (push.isLost) this.#endAll(session, out, 'lost', LOST_REASON);
    else this.#deliver(session, push, out);
    if (meaning === PUSH_ROTATED) session.id = this.#newIdIn(push) ?? session.id;
    if (meaning === PUSH_ENDED) {
      for (const connection of session.watchers.keys()) this.#leave(session, connection);
    } else if (session.watchers.size === 0) {
      this.#tellUnwatched(shard, row, watch);
    }
    return watchers + Math.floor(bytes / BYTES_PER_RECORD);
  }

  #deliver(session: WatchedSession, { space, start, end }: ShardPush, out: PushOut): void {
    const { counters, outgoing } = this.#traffic;
    let text: string | undefined;
    let bytesLeft = PUSH_BYTES_MAX;
    for (const [connection, isText] of session.watchers) {
      if (connection.isCondemned) continue;
      bytesLeft -= end - start;
      const isSlow = outgoing.isSlow(connection);
      if (isSlow || bytesLeft < 0) {
        counters[WATCHERS_CUT_LOOSE]! += 1;
        const reason = isSlow ? SLOW_REASON : LARGE_REASON;
        this.#endOne(session, connection, out, 'unwatched', reason);
        continue;
      }
      counters[PUSHES_OUT]! += 1;
      if (isText) {
        text ??= encodeTextPush(space.bytes, start, end);
        out.pushText(connection, text);
      } else {
        out.pushNative(connection, space, start, end - start);
      }
    }
  }

  #endAll(session: WatchedSession, out: PushOut, event: string, reason: string): void {
    for (const connection of session.watchers.keys()) {
      this.#endOne(session, connection, out, event, reason);
    }
  }

  /** Ends a watch and says so: `lost` or `unwatched`. */
  #endOne(
    session: WatchedSession,
    connection: Connection,
    out: PushOut,
    event: string,
    reason: string,
  ): void {
    const isText = session.watchers.get(connection);
    this.#leave(session, connection);
    if (connection.isCondemned) return;
    this.#traffic.counters[PUSHES_OUT]! += 1;
    // A buffer of its own: it is held until the pump sends it.
    const writer = new NativeWriter();
    writer.beginPush(event);
    writer.mapHead(2);
    writer.text('id');
    writer.text(session.id);
    writer.text('reason');
    writer.text(reason);
    writer.endReply();
    const { length, space } = writer;
    if (isText === true) out.pushText(connection, encodeTextPush(space.bytes, 0, length));
    else out.pushNative(connection, space, 0, length);
  }

  #leave(session: WatchedSession, connection: Connection): void {
    session.watchers.delete(connection);
    connection.watches?.delete(session);
    if (session.watchers.size === 0) this.#sessions[session.shard]!.delete(session.watch);
  }

  /** Not answered, and not certain: where there is no room, the next push gives another chance. */
  #tellUnwatched(shard: number, row: number, watch: number): void {
    // A bit that two threads share must not go because one of them has nobody left.
    if (this.#underWay[shard]! > 0 || this.#traffic.config.ioThreads > OWN_BITS) return;
    const header = this.#header;
    header.op = OP_UNWATCHED;
    header.ticket = NO_TICKET;
    header.digest[0] = row;
    header.digest[1] = watch;
    this.#traffic.links[shard]!.push(header, NOTHING, 0, 0, false);
  }

  #newIdIn({ space, start, end }: ShardPush): string | undefined {
    const cursor = this.#cursor;
    cursor.open(space.view, start, end);
    cursor.binLength();
    cursor.arrayCount();
    cursor.skip();
    cursor.skip();
    return textMember(space, cursor, 'newId');
  }
}

/** What a shard says of a watched session. */
interface WatchPlace {
  readonly id: string;
  readonly row: number;
  /** 0 if nobody watches it. */
  readonly watch: number;
}

/** What is to be done with the reply to an SH_WATCH or SH_UNWATCH. */
export class WatchNote implements FanOut {
  readonly caller: Caller;
  readonly #watches: Watches;
  readonly #isWatching: boolean;
  #id = '';
  /** Why the watch was refused here; '' if it was not. */
  #reason = '';
  /** The shard's own refusal. */
  #refusal: ByteSpace | undefined;
  #status: number = STATUSES.OK.code;

  constructor(watches: Watches, isWatching: boolean, caller: Caller) {
    this.#watches = watches;
    this.#isWatching = isWatching;
    this.caller = caller;
  }

  start(): number {
    assert(false, 'the router sends it');
  }

  absorb(shard: number, space: ByteSpace, start: number, end: number): boolean {
    if (this.#isWatching) this.#watches.answered(shard);
    const reader = new PartReader();
    reader.open(space, start, end);
    this.#status = reader.status;
    const { cursor } = reader;
    if (reader.status !== STATUSES.OK.code) {
      this.#refusal = new ByteSpace(space.bytes.slice(cursor.at, end).buffer);
      return true;
    }
    const id = textMember(space, cursor, 'id') ?? '';
    const place = { id, row: uintMember(cursor, 'row'), watch: uintMember(cursor, 'watch') };
    this.#id = id;
    if (this.#isWatching) this.#reason = this.#watches.begin(shard, place, this.caller);
    else this.#watches.end(shard, place, this.caller);
    return true;
  }

  writeReply(writer: NativeWriter): void {
    const { id } = this.caller;
    if (this.#reason !== '') {
      writer.refusal(id, STATUSES.BUSY.code, this.#reason);
      return;
    }
    writer.beginReply(id, this.#status);
    if (this.#refusal !== undefined) {
      writer.raw(this.#refusal, 0, this.#refusal.bytes.length);
    } else if (this.#isWatching) {
      writer.mapHead(1);
      writer.text('id');
      writer.text(this.#id);
    } else {
      writer.nil();
    }
    writer.endReply();
  }
}

/** Reads a member of the map at the cursor, which stays there. Shards are ours: no doubt is needed. */
function textMember(space: ByteSpace, cursor: NativeCursor, name: string): string | undefined {
  const { at } = cursor;
  let text: string | undefined;
  if (cursor.findMember(name) === 1) {
    const bytes = cursor.strLength();
    text = String.fromCharCode(...space.bytes.subarray(cursor.at, cursor.at + bytes));
  }
  cursor.at = at;
  return text;
}

function uintMember(cursor: NativeCursor, name: string): number {
  const { at } = cursor;
  const value = cursor.findMember(name) === 1 ? cursor.uint() : 0;
  cursor.at = at;
  return value;
}
