/** Where each op goes, as a table of small integers for the hot path. Made from the catalogue. */
import { COMMAND_ENTRIES, entryByOp, KV_OFFSET, OP_MAX } from '../protocol/catalogue.js';
import { OP_UNKNOWN } from '../protocol/native-frame.js';

export const ROUTE_UNKNOWN = 0;
/** To the shard of the token's session. */
export const ROUTE_SESSION = 1;
/** To the default map, or with a token to its session. */
export const ROUTE_DEFAULT_MAP = 2;
/** The token is made here. */
export const ROUTE_NEW = 3;
/** The token is made here, from a name. */
export const ROUTE_OPEN = 4;
export const ROUTE_ALL_SHARDS = 6;
/** Answered here. */
export const ROUTE_SERVER = 7;
/** To main. */
export const ROUTE_MAIN = 8;
/** To the shard of the token's session; its reply changes who watches it. */
export const ROUTE_WATCH = 9;
/** To the shard of the session, whose new token is made here. */
export const ROUTE_ROTATE = 10;
/** To the shard of the session; its owner may be at a limit. */
export const ROUTE_SET_OWNER = 11;

/** By op, up to and including OP_UNKNOWN. */
export const ROUTE_BY_OP = routes();

function routes(): Uint8Array {
  const table = new Uint8Array(OP_UNKNOWN + 1).fill(ROUTE_UNKNOWN);
  for (const { op, command, spec, isDefaultMap } of COMMAND_ENTRIES) {
    if (command === 'SH_NEW') table[op] = ROUTE_NEW;
    else if (command === 'SH_OPEN') table[op] = ROUTE_OPEN;
    else if (command === 'SH_ROTATE') table[op] = ROUTE_ROTATE;
    else if (command === 'SH_SET_OWNER') table[op] = ROUTE_SET_OWNER;
    else if (command === 'SH_WATCH' || command === 'SH_UNWATCH') table[op] = ROUTE_WATCH;
    else if (spec.place === 'all-shards') table[op] = ROUTE_ALL_SHARDS;
    else if (spec.place === 'io') table[op] = ROUTE_SERVER;
    else if (spec.place === 'main') table[op] = ROUTE_MAIN;
    else table[op] = isDefaultMap ? ROUTE_DEFAULT_MAP : ROUTE_SESSION;
  }
  return table;
}

/** Past here a KV_ command is the SH_ command of the same name. */
export const SESSION_OP = Uint8Array.from({ length: OP_MAX + 1 }, (_, op) =>
  entryByOp[op]?.isDefaultMap === true ? op - KV_OFFSET : op,
);

/** By op: 1 for commands that may take long, whatever their size: no I/O thread runs them. */
export const IS_SLOW = Uint8Array.from({ length: 256 }, (_, op) =>
  op > OP_MAX || entryByOp[op]?.spec.isSlow === true ? 1 : 0,
);
