/** What a row of the command catalogue says; the rows are in life-, data- and server-rows.ts. */
import type { Right } from '../core/rights.js';
import type { Members } from './value-types.js';

/** Where a command is answered: by its session's shard, every shard, the I/O thread, or main. */
export type Place = 'session' | 'all-shards' | 'io' | 'main';

/** What a command does to a session, and so which expiry flag lets it restart the idle clock. */
export type Access = 'read' | 'write' | 'none';

/** A right, whichever right (`any`), or not even a user (`none`). */
export type NeededRight = Right | 'any' | 'none';

export interface CommandSpec {
  readonly op: number;
  readonly place: Place;
  readonly access: Access;
  /** True where a KV_ command of the same name serves the default map. */
  readonly onDefaultMap: boolean;
  readonly params: Members;
  readonly result: Members;
  /** Statuses of its own, beside those that any command can answer. */
  readonly statuses: readonly number[];
  /** What a user must have for it; absent: `sessions`. The KV_ command of a row needs `default-map`. */
  readonly right?: NeededRight;
  /** What is needed instead where a member is absent or nil. */
  readonly rightWithout?: { readonly member: string; readonly right: NeededRight };
  /** It may take long, whatever its own size: where it runs, others wait. */
  readonly isSlow?: true;
  readonly summary: string;
}
