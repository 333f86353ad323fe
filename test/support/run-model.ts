/** Drives a shard and the model of it with the same random commands, and compares every reply. */
import { expect } from 'vitest';
import {
  DEFAULT_MAP,
  type ModelCommand,
  type ModelReply,
  type ModelSessions,
  SHARED_FROM,
} from './model-sessions.js';
import type { Random } from './random.js';
import { type Reply, type SessionKey, sessionKey, type ShardHarness } from './shard-harness.js';

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
export function runOne(random: Random, shard: ShardHarness, model: ModelSessions): number {
  if (random.below(4) === 0) shard.clock.advance(random.below(400) * 0.5);
  const { command, number } = randomCall(random, model);
  const reply = shard.call(nameOn(command, number), keyOf(number), command.body);
  if (reply.status !== MEMORY_LIMIT) expectSame(command, reply, model.execute(command, number));
  return reply.status;
}

/** Several random commands that the shard finds in its ring in one turn. */
export function runSeveral(
  random: Random,
  shard: ShardHarness,
  model: ModelSessions,
  count: number,
): void {
  shard.clock.advance(random.below(400) * 0.5);
  const calls = Array.from({ length: count }, () => {
    const { command, number } = randomCall(random, model);
    shard.push(nameOn(command, number), keyOf(number), command.body);
    return { command, expected: model.execute(command, number) };
  });
  shard.loop.runTurn();
  const replies = shard.replies();
  expect(replies.length).toBe(count);
  calls.forEach(({ command, expected }, at) => expectSame(command, replies[at]!, expected));
}

export function randomCall(
  random: Random,
  model: ModelSessions,
): { readonly command: ModelCommand; readonly number: number } {
  const number = randomNumber(random);
  return { number, command: model.randomCommand(random, number) };
}

export function nameOn(command: ModelCommand, number: number): string {
  return number === DEFAULT_MAP ? command.name.replace('SH_', 'KV_') : command.name;
}

export function keyOf(number: number): SessionKey | undefined {
  return number === DEFAULT_MAP ? undefined : sessionKey(number);
}

function expectSame(command: ModelCommand, reply: Reply, expected: ModelReply): void {
  const actual = { status: reply.status, body: comparable(reply.body) };
  // The quick comparison first: expect() takes longer than the command.
  if (JSON.stringify(actual) === JSON.stringify(expected)) return;
  expect({ command, ...actual }).toEqual({ command, ...expected });
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
