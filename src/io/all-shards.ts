/** Which fan-out a command over all shards is. */
import { entryByOp } from '../protocol/catalogue.js';
import { ExistsFanOut } from './exists.js';
import { SumFanOut, type BodyPlace, type Caller, type FanOut } from './fan-out.js';
import { EndIdFanOut, ListFanOut, newEndAll } from './owner-commands.js';
import type { RequestHeader } from './shard-link.js';
import type { Tokens } from './tokens.js';
import type { Traffic } from './traffic.js';

export interface FanOutWorld {
  readonly traffic: Traffic;
  readonly tokens: Tokens;
  /** Of the command's records; its flags may be added to. */
  readonly header: RequestHeader;
}

export function newFanOut(op: number, caller: Caller, body: BodyPlace, world: FanOutWorld): FanOut {
  const { header, tokens, traffic } = world;
  switch (entryByOp[op]?.command) {
    case 'SH_EXISTS':
      return new ExistsFanOut(caller, body, tokens);
    case 'SH_LIST':
      return new ListFanOut(caller, body, traffic);
    case 'SH_END_ID':
      return new EndIdFanOut(caller, body);
    case 'SH_END_ALL':
      return newEndAll(caller, body, tokens, header);
    default:
      return new SumFanOut(caller, body);
  }
}
