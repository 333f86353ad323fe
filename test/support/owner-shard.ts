/** What tests of owners and rotations do to a shard: what the I/O thread would send. */
import { encode } from '@msgpack/msgpack';
import { CATALOGUE, type CommandName } from '../../src/protocol/catalogue.js';
import { FLAG_MINTED } from '../../src/ring/records.js';
import type { Reply, SessionKey, ShardHarness } from './shard-harness.js';

/** The public id of a session that has this key's digest. */
export function idOf(key: SessionKey): string {
  return Buffer.from(Int32Array.from(key.digest).buffer).subarray(0, 12).toString('hex');
}

/** The same slot, another digest. */
export function sibling(key: SessionKey, number: number): SessionKey {
  return { digest: [Math.imul(number, 0x85ebca6b), number, 77, 99], slot: key.slot };
}

/** A body with a digest before it, as FLAG_MINTED says. */
export function mintedBody(minted: SessionKey, body: unknown): Uint8Array {
  const digest = new Uint8Array(Int32Array.from(minted.digest).buffer);
  return Buffer.concat([digest, encode(body)]);
}

export function callMinted(
  shard: ShardHarness,
  name: CommandName,
  key: SessionKey,
  minted: SessionKey,
  options: { readonly body?: unknown; readonly flags?: number } = {},
): Reply {
  const body = mintedBody(minted, options.body ?? null);
  return shard.callRaw(CATALOGUE[name].op, key, body, FLAG_MINTED | (options.flags ?? 0));
}

/** Gives the session of `from` the token of `to`. */
export function rotate(
  shard: ShardHarness,
  from: SessionKey,
  to: SessionKey,
  body: unknown = null,
): Reply {
  return callMinted(shard, 'SH_ROTATE', from, to, { body });
}

/** Ids of the owner's sessions, in the order of SH_LIST. */
export function listed(shard: ShardHarness, owner: string): string[] {
  const [, body] = shard.ask('SH_LIST', undefined, { owner });
  return (body as { sessions: { id: string }[] }).sessions.map(({ id }) => id);
}
