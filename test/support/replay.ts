/**
 * What tests of entries share: states to apply them to, and a description of a state that owes
 * nothing to the entries' own encoder.
 */
import { crc32 } from 'node:zlib';
import { ByteSpace } from '../../src/core/copy.js';
import { NIL } from '../../src/memory/shared-memory.js';
import { NO_OBSERVER } from '../../src/shard/shard-counters.js';
import { applyEntries, type ApplyResult, type ApplyTarget } from '../../src/state/apply.js';
import type { EffectBuffer } from '../../src/state/effect-buffer.js';
import { SLOT_MASK } from '../../src/state/layout.js';
import { type SessionObserver, ShardState } from '../../src/state/shard-state.js';

export interface States {
  readonly sessions: ShardState;
  readonly defaults: { readonly state: ShardState; readonly row: number };
}

/** A shard's states as they are before a recovery. */
export function emptyStates(nowMs: number, observer: SessionObserver = NO_OBSERVER): States {
  const options = { nowMs, seed: [11, 12] as const, observer };
  const state = new ShardState({ ...options, isDefaultMap: true });
  const row = state.create(new Int32Array(4), 0, 0, false);
  return { sessions: new ShardState(options), defaults: { state, row } };
}

/** The entries of a buffer, copied. */
export function entriesOf(effects: EffectBuffer): Uint8Array {
  return effects.space.bytes.slice(effects.start, effects.length);
}

/** Copies the entries and empties the buffer. */
export function takeEntries(effects: EffectBuffer): Uint8Array {
  const entries = entriesOf(effects);
  effects.clear();
  return entries;
}

/** A buffer that ends where the bytes do, so that a read beyond them throws or finds nothing. */
export function spaceOf(bytes: Uint8Array): ByteSpace {
  return new ByteSpace(Uint8Array.from(bytes).buffer);
}

export function apply(
  states: States,
  entries: Uint8Array,
  target: Partial<ApplyTarget> = {},
): ApplyResult {
  const owned = { ...states, ownsSlot: () => true, ...target };
  return applyEntries(owned, spaceOf(entries), 0, entries.length);
}

/**
 * Everything that must come back, by session: a line each, keys in order, the default map first.
 */
export function describeStates({ sessions, defaults }: States, nowMs: number): string[] {
  sessions.beginTurn(nowMs);
  const lines: string[] = [];
  for (let row = 0; row < sessions.rows.pool.end; row += 1) {
    if (!sessions.rows.isLive(row)) continue;
    const digest = Int32Array.from([0, 1, 2, 3], (word) => sessions.rows.word(row, word));
    const slot = sessions.rows.word(row, 8) & SLOT_MASK;
    // What is due happens now, on whichever side it has not yet.
    const found = sessions.find(digest, 0, slot);
    if (found !== NIL) lines.push(`${[...digest].join()} ${slot} ${describeRow(sessions, found)}`);
  }
  // The default map's creation is no news to anyone.
  return [describeRow(defaults.state, defaults.row).replace(/^\d+ /, ''), ...lines.sort()];
}

function describeRow(state: ShardState, row: number): string {
  const { keys, rows } = state;
  const policy = {
    idleMs: 0,
    maxAgeMs: 0,
    deletesSession: false,
    extendsOnWrite: false,
    extendsOnRead: false,
  };
  const expires = state.deadlines.readPolicy(row, policy);
  const pairs: string[] = [];
  const space = new ByteSpace(new ArrayBuffer(keys.bytesOf(row)));
  keys.walk(row);
  let at = 0;
  while (keys.next()) {
    keys.copyPair(space, at, keys.foundPointer, keys.foundAt, keys.foundBytes);
    pairs.push(shown(space.bytes.subarray(at, at + keys.foundBytes)));
    at += keys.foundBytes;
  }
  const facts = [expires, policy, state.isShared(row), keys.countOf(row)];
  const deadlineMs = state.deadlines.of(row);
  const instants = `${state.createdMsOf(row)} ${deadlineMs} v${state.versionOf(row)}`;
  const isDue = deadlineMs !== Infinity && !state.wheel.isFiled(row) && keys.countOf(row) > 0;
  const filed = `${isDue ? 'not on the wheel' : ''}${describeTies(state, row)}`;
  return `${instants} ${rows.maxAgeOf(row)} ${JSON.stringify(facts)} ${filed}${pairs.join('|')}`;
}

/** Owner and former tokens, the newest first; nothing of a session that has neither. */
function describeTies({ owners, superseded }: ShardState, row: number): string {
  const ties: string[] = [];
  const owner = owners.of(row);
  if (owner !== NIL) {
    const at = owners.nameAtOf(owner);
    const name = owners.nameSpaceOf(owner).bytes.slice(at, at + owners.nameBytesOf(owner));
    ties.push(`owner ${Buffer.from(name).toString()}`);
  }
  for (let cell = superseded.newestOf(row); cell !== NIL; cell = superseded.olderOf(cell)) {
    const at = superseded.digestAtOf(cell);
    const digest = [...superseded.digestsOf(cell).subarray(at, at + 4)].join();
    ties.push(`was ${digest} until ${superseded.graceUntilMsOf(cell)}`);
  }
  return ties.map((tie) => `${tie} `).join('');
}

/** A pair as text, its middle as a checksum where it is long. */
function shown(pair: Uint8Array): string {
  if (pair.length < 40) return Buffer.from(pair).toString('latin1');
  return `${Buffer.from(pair.subarray(0, 20)).toString('latin1')}~${pair.length}~${crc32(pair)}`;
}
