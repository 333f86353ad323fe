/**
 * Ends every session but one, in one step however many there are: the one is written down as an
 * entry, all are taken away, and it is put back.
 */
import { NIL } from '../memory/shared-memory.js';
import { placeSession } from './apply.js';
import { EffectBuffer } from './effect-buffer.js';
import { encodeSession } from './encode-session.js';
import type { ShardState } from './shard-state.js';

/**
 * The session has another row afterwards.
 *
 * @returns how many have ended.
 */
export function endAllBut(state: ShardState, row: number): number {
  const { notices } = state;
  const watch = notices.numberOf(row);
  const ios = notices.maskOf(row);
  const saved = new EffectBuffer();
  encodeSession(state, row, saved);
  const { effects, lifecycle } = state;
  // Nobody hears of its being taken away and put back.
  state.effects = undefined;
  state.lifecycle = undefined;
  state.drop(row);
  state.effects = effects;
  state.lifecycle = lifecycle;
  const ended = state.endAll();
  const placed = placeSession(state, NIL, saved.space, saved.start);
  state.started(placed);
  if (watch !== 0) notices.restore(placed, watch, ios);
  return ended;
}
