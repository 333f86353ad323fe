/**
 * Main's side of the loading of entries into one shard: sends them in pieces, few ahead of what the
 * shard has put in place and made durable, and adds up what came of them.
 */
import type { LoadProblem, LoadReport } from '../config/load-messages.js';
import type { SetKind } from '../core/set-name.js';
import { nextOrderId, type ShardChannel } from './shard-channel.js';

/** Pieces that a shard has and has not answered. Each is about 2 MiB divided by the shards. */
const PIECES_AHEAD_MAX = 2;

export class ShardLoading {
  /** What is there now and was not before. */
  sessions = 0;
  keys = 0;
  /** The first that came up; nothing more is sent then. */
  problem: LoadProblem | undefined;
  readonly #channel: ShardChannel;
  readonly #kind: SetKind;
  readonly #unsubscribe: () => void;
  readonly #pending = new Set<number>();
  #whenAnswered: (() => void) | undefined;

  constructor(channel: ShardChannel, kind: SetKind) {
    this.#channel = channel;
    this.#kind = kind;
    this.#unsubscribe = channel.on('loaded', (report) => this.#answered(report));
  }

  /** Resolves when the next piece may be sent. The buffer is gone afterwards. */
  async send(entries: ArrayBuffer): Promise<void> {
    if (this.problem !== undefined) return;
    const id = nextOrderId();
    this.#pending.add(id);
    this.#channel.order({ type: 'load', id, kind: this.#kind, entries }, [entries]);
    await this.#until(() => this.#pending.size < PIECES_AHEAD_MAX);
  }

  /** Resolves when every piece is answered. Nothing may be sent afterwards. */
  async finish(): Promise<void> {
    await this.#until(() => this.#pending.size === 0);
    this.#unsubscribe();
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#whenAnswered = resolve;
      });
    }
  }

  #answered({ id, sessions, keys, problem }: LoadReport): void {
    if (!this.#pending.delete(id)) return;
    this.sessions += sessions;
    this.keys += keys;
    this.problem ??= problem;
    this.#whenAnswered?.();
  }
}
