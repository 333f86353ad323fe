/** The commands about the server itself. They need no shard and are answered here. */
import type { Config } from '../config/options.js';
import type { AllCounters } from '../config/thread-plan.js';
import type { Clock } from '../core/clock.js';
import type { ByteSpace } from '../core/copy.js';
import { bucketsOf, figuresOf, IO_COUNTERS, SHARD_COUNTERS } from '../core/counters.js';
import { bucketEndMs } from '../core/durations.js';
import { assert } from '../core/errors.js';
import { STATUSES } from '../core/statuses.js';
import { entryByOp, PROTOCOL_VERSION } from '../protocol/catalogue.js';
import { NativeCursor } from '../protocol/native-cursor.js';
import type { NativeCommand } from '../protocol/native-frame.js';
import type { NativeWriter } from '../protocol/native-writer.js';
import type { Authentication } from './authentication.js';
import type { Connection } from './connection.js';
import type { Subscriptions } from './subscriptions.js';
import type { TextRequest } from './text-lane.js';

const NOT_A_BODY = 'the body must be a map or nil';

export interface ServerFacts {
  readonly config: Config;
  readonly clock: Clock;
  readonly startedMs: number;
  readonly serverVersion: string;
  readonly shards: number;
  readonly allCounters: AllCounters;
  readonly subscriptions: Subscriptions;
  readonly authentication: Authentication;
}

/** A command, whom it came from, and where its body lies. */
export interface ServerRequest {
  readonly connection: Connection;
  readonly space: ByteSpace;
  readonly command: NativeCommand;
  /** The request, if it came as text. */
  readonly text: TextRequest | undefined;
}

export class ServerCommands {
  readonly #facts: ServerFacts;
  readonly #cursor = new NativeCursor();

  constructor(facts: ServerFacts) {
    this.#facts = facts;
  }

  /**
   * Writes the reply.
   *
   * @returns false if it comes later, and the connection must wait until then.
   */
  answer(request: ServerRequest, writer: NativeWriter): boolean {
    const { command, space } = request;
    this.#cursor.open(space.view, command.bodyAt, command.bodyEnd);
    if (!this.#cursor.isAtBody()) {
      writer.refusal(command.id, STATUSES.MALFORMED_COMMAND.code, NOT_A_BODY);
      return true;
    }
    const name = entryByOp[command.op]?.command;
    if (name === 'SV_INFO') this.#info(command.id, writer);
    else if (name === 'SV_STATS') this.#stats(command.id, writer);
    else if (name === 'SV_EVENTS') this.#facts.subscriptions.answer(request, writer);
    else if (name === 'SV_AUTH') return this.#facts.authentication.answer(request, writer);
    else {
      assert(name === 'SV_PING', 'every command of the server has an answer');
      writer.status(command.id, STATUSES.OK.code);
    }
    return true;
  }

  #info(id: number, writer: NativeWriter): void {
    const { config, clock, startedMs, serverVersion, shards } = this.#facts;
    writer.beginReply(id, STATUSES.OK.code);
    writer.mapHead(6);
    writer.text('serverVersion');
    writer.text(serverVersion);
    writer.text('persistEnabled');
    writer.bool(!config.memory);
    writer.text('protocol');
    writer.uint(PROTOCOL_VERSION);
    writer.text('shards');
    writer.uint(shards);
    writer.text('ioThreads');
    writer.uint(config.ioThreads);
    writer.text('uptime');
    writer.float(Math.round(clock.nowMs() - startedMs) / 1_000);
    writer.endReply();
  }

  #stats(id: number, writer: NativeWriter): void {
    const { allCounters, clock, startedMs } = this.#facts;
    writer.beginReply(id, STATUSES.OK.code);
    writer.mapHead(5);
    writer.text('uptime');
    writer.float(Math.round(clock.nowMs() - startedMs) / 1_000);
    writer.text('shards');
    putFigures(writer, SHARD_COUNTERS, allCounters.shards);
    writer.text('io');
    putFigures(writer, IO_COUNTERS, allCounters.io);
    writer.text('expiryLags');
    putDurations(writer, SHARD_COUNTERS, allCounters.shards);
    writer.text('replyTimes');
    putDurations(writer, IO_COUNTERS, allCounters.io);
    writer.endReply();
  }
}

/** Of each thread what it has counted, by name. Others write them meanwhile; each is whole. */
function putFigures(
  writer: NativeWriter,
  table: Readonly<Record<string, string>>,
  threads: readonly SharedArrayBuffer[],
): void {
  writer.arrayHead(threads.length);
  for (const shared of threads) {
    const figures = Object.entries(figuresOf(table, shared));
    writer.mapHead(figures.length);
    for (const [name, figure] of figures) {
      writer.text(name);
      writer.number(figure);
    }
  }
}

/** Of each thread the buckets that hold any: where each ends, and how many. */
function putDurations(
  writer: NativeWriter,
  table: Readonly<Record<string, string>>,
  threads: readonly SharedArrayBuffer[],
): void {
  writer.arrayHead(threads.length);
  for (const shared of threads) {
    const counts = [...bucketsOf(table, shared).entries()].filter(([, count]) => count > 0);
    writer.arrayHead(counts.length);
    for (const [bucket, count] of counts) {
      writer.arrayHead(2);
      writer.number(bucketEndMs(bucket));
      writer.number(count);
    }
  }
}
