/** Main's side of the recovery: waits until every shard has read its part of the data directory. */
import type { RecoveryReport } from '../config/shard-messages.js';
import type { Clock } from '../core/clock.js';
import { StartError } from './port-probe.js';
import type { ServerLog } from './server-log.js';
import type { ShardChannel } from './shard-channel.js';

/** Between two lines about progress. */
const PROGRESS_MS = 1_000;

type Progress = Extract<RecoveryReport, { readonly type: 'progress' }>;
type Recovered = Extract<RecoveryReport, { readonly type: 'recovered' }>;

/** Of all shards together. */
export interface RecoveryFigures {
  readonly sessions: number;
  readonly entries: number;
  /** At the ends of logs, of batches that were never synced. */
  readonly cutBytes: number;
  /** Of the shard that took longest. */
  readonly durationMs: number;
}

export interface RecoveryWaitParts {
  readonly channels: readonly ShardChannel[];
  /** Path of the data directory, for the line that says why it cannot be used. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: ServerLog;
}

export class RecoveryWait {
  /** Rejects with StartError if a shard cannot use its files. */
  readonly finished: Promise<RecoveryFigures>;
  readonly #parts: RecoveryWaitParts;
  #nextLineMs: number;
  /** By shard. */
  readonly #progress: (Progress | undefined)[] = [];
  readonly #recovered: Recovered[] = [];
  #resolve: (figures: RecoveryFigures) => void = () => undefined;
  #reject: (reason: StartError) => void = () => undefined;

  /** Make it before the event loop can deliver a report. */
  constructor(parts: RecoveryWaitParts) {
    this.#parts = parts;
    this.#nextLineMs = parts.clock.nowMs() + PROGRESS_MS;
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits for it may have given up when a shard fails.
    this.finished.catch(() => undefined);
    for (const channel of parts.channels) this.#listen(channel);
  }

  #listen(channel: ShardChannel): void {
    channel.on('progress', (progress) => {
      this.#progress[channel.index] = progress;
      this.#tellProgress();
    });
    channel.on('recovery-failed', ({ reason }) => {
      const { directory } = this.#parts;
      const place = reason.includes(directory) ? '' : `data directory ${directory}: `;
      this.#reject(new StartError(`${place}${reason}`));
    });
    channel.on('recovered', (recovered) => {
      const { log } = this.#parts;
      for (const line of recovered.lines) log.warn(line, { shard: channel.index });
      this.#recovered.push(recovered);
      if (this.#recovered.length === this.#parts.channels.length) this.#finish();
    });
  }

  #tellProgress(): void {
    const { clock, log } = this.#parts;
    const nowMs = clock.nowMs();
    if (nowMs < this.#nextLineMs) return;
    this.#nextLineMs = nowMs + PROGRESS_MS;
    let bytesRead = 0;
    let bytesInAll = 0;
    let sessions = 0;
    for (const progress of this.#progress) {
      bytesRead += progress?.bytesRead ?? 0;
      bytesInAll += progress?.bytesInAll ?? 0;
      sessions += progress?.sessions ?? 0;
    }
    const percent = bytesInAll === 0 ? 0 : Math.floor((bytesRead / bytesInAll) * 100);
    log.info(`loading: ${percent} %`, { bytesRead, bytesInAll, sessions });
  }

  #finish(): void {
    const sum = (figure: (recovered: Recovered) => number): number =>
      this.#recovered.reduce((total, recovered) => total + figure(recovered), 0);
    this.#resolve({
      sessions: sum(({ sessions }) => sessions),
      entries: sum(({ entries }) => entries),
      cutBytes: sum(({ cutBytes }) => cutBytes),
      // Threads take their time to start; that is not what is asked for here.
      durationMs: Math.round(Math.max(...this.#recovered.map(({ durationMs }) => durationMs))),
    });
  }
}
