/**
 * Tells main that replaced tokens are still in use: a stale copy, or a stolen one. The operator gets
 * the session's public id, never the token. At most one report a second: whoever has such a token can
 * send it a million times. The next report then says how often it was meanwhile.
 */
import { type ReuseReport, REUSE_REPORT_MS } from '../config/shard-messages.js';
import type { Clock } from '../core/clock.js';
import { NIL } from '../memory/shared-memory.js';
import { sessionIdText } from '../protocol/token.js';
import type { SessionRows } from '../state/session-rows.js';

const DIGEST_WORDS = 4;

export class TokenReuses {
  readonly #clock: Clock;
  readonly #report: (report: ReuseReport) => void;
  readonly #shard: number;
  readonly #digest = new Int32Array(DIGEST_WORDS);
  readonly #digestBytes = new Uint8Array(this.#digest.buffer);
  #reportedMs = -Infinity;
  #unreported = 0;

  constructor(shard: number, clock: Clock, report: (report: ReuseReport) => void) {
    this.#shard = shard;
    this.#clock = clock;
    this.#report = report;
  }

  /** @param row the session whose token it was. */
  note(rows: SessionRows, row: number): void {
    this.#unreported += 1;
    const nowMs = this.#clock.nowMs();
    if (row === NIL || Math.abs(nowMs - this.#reportedMs) < REUSE_REPORT_MS) return;
    for (let word = 0; word < DIGEST_WORDS; word += 1) this.#digest[word] = rows.word(row, word);
    const id = sessionIdText(this.#digestBytes);
    this.#report({ type: 'token-reused', shard: this.#shard, id, count: this.#unreported });
    this.#reportedMs = nowMs;
    this.#unreported = 0;
  }
}
