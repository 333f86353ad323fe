/** Drives a shard and the model of it with the same random commands, and compares every reply. */
import { expect } from 'vitest';
import { DEFAULT_MAP, ModelSessions, SHARED_FROM } from './model-sessions.js';
import type { Random } from './random.js';
import { sessionKey, type ShardHarness } from './shard-harness.js';

const SESSIONS = 40;
const SHARED_SESSIONS = 6;
const MEMORY_LIMIT = 205;

/** A session of 0..39, or now and then the default map or a shared one. */
function randomNumber(random: Random): number {
  const kind = random.below(10);
  if (kind === 0) return DEFAULT_MAP;
  if (kind < 3) return SHARED_FROM + random.below(SHARED_SESSIONS);
  return random.below(SESSIONS);
}

/**
 * One random command on both sides; time moves now and then. A write that the memory limit refuses
 * must change nothing: the model never hears of it.
 *
 * @returns the status.
 */
export function runOne(
  random: Random,
  shard: ShardHarness,
  model: ModelSessions,
  call: number,
): number {
  if (random.below(4) === 0) shard.clock.advance(random.below(400) * 0.5);
  const number = randomNumber(random);
  const command = model.randomCommand(random, number);
  const isDefault = number === DEFAULT_MAP;
  const name = isDefault ? command.name.replace('SH_', 'KV_') : command.name;
  const reply = shard.call(name, isDefault ? undefined : sessionKey(number), command.body);
  if (reply.status === MEMORY_LIMIT) return reply.status;
  const actual = { status: reply.status, body: comparable(reply.body) };
  const expected = model.execute(command, number);
  // The quick comparison first: expect() takes longer than the command.
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    expect({ call, number, command, ...actual }).toEqual({ call, number, command, ...expected });
  }
  return reply.status;
}

/** Both sides agree on what there is in all. */
export function expectSameTotals(shard: ShardHarness, model: ModelSessions): void {
  shard.settle();
  expect(shard.ask('SH_INFO_ALL', undefined)).toEqual([1, model.infoAll()]);
}

/** Members that only a server knows are left out; those that must be exact stay. */
function comparable(body: Record<string, unknown> | null): unknown {
  if (body === null) return null;
  const { tkn: _tkn, id: _id, ...rest } = body;
  return Object.keys(rest).length === 0 ? null : rest;
}
