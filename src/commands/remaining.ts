/** The result member `remaining`, as SH_TOUCH and SH_EXPIRE answer it. */
import { STATUSES } from '../core/statuses.js';
import { numberBytes } from '../protocol/msgpack-put.js';
import { REMAINING } from './names.js';
import type { ReplyWriter } from './reply.js';

/** Whole milliseconds, rounded up, in seconds: a session that lives never answers 0. */
export function remainingSeconds(remainingMs: number): number {
  return Math.ceil(remainingMs) / 1_000;
}

/** Replies with the time left; with nothing where the session never expires. */
export function replyRemaining(reply: ReplyWriter, remainingMs: number): void {
  if (remainingMs === Infinity) {
    reply.bare(STATUSES.OK.code);
    return;
  }
  const remaining = remainingSeconds(remainingMs);
  reply.begin(STATUSES.OK.code, 1 + REMAINING.bytes.length + numberBytes(remaining));
  reply.map(1);
  reply.constant(REMAINING);
  reply.number(remaining);
  reply.end();
}
