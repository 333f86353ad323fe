/** The commands about the server itself. They need no shard and are answered here. */
import type { Config } from '../config/options.js';
import type { Clock } from '../core/clock.js';
import { assert } from '../core/errors.js';
import { STATUSES } from '../core/statuses.js';
import { entryByOp, PROTOCOL_VERSION } from '../protocol/catalogue.js';
import type { NativeCommand } from '../protocol/native-frame.js';
import type { NativeWriter } from '../protocol/native-writer.js';

export interface ServerFacts {
  readonly config: Config;
  readonly clock: Clock;
  readonly startedMs: number;
  readonly serverVersion: string;
  readonly shards: number;
}

export class ServerCommands {
  readonly #facts: ServerFacts;

  constructor(facts: ServerFacts) {
    this.#facts = facts;
  }

  /** Writes the reply. @returns how many replies that were: one. */
  answer(command: NativeCommand, writer: NativeWriter): number {
    const name = entryByOp[command.op]?.command;
    if (name === 'SV_INFO') this.#info(command.id, writer);
    else {
      assert(name === 'SV_PING', 'every command of the server has an answer');
      writer.status(command.id, STATUSES.OK.code);
    }
    return 1;
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
}
