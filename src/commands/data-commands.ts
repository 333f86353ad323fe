/** The commands on a session's keys that a batch can hold: all but the batch itself. */
import { CATALOGUE, OP_MAX } from '../protocol/catalogue.js';
import { add } from './add.js';
import { cas } from './cas.js';
import { clear } from './clear.js';
import { clearSet } from './clear-set.js';
import type { Command } from './command.js';
import { contains } from './contains.js';
import { count } from './count.js';
import { find } from './find.js';
import { get } from './get.js';
import { getAll } from './get-all.js';
import { inc } from './inc.js';
import { keys } from './keys.js';
import { rmv } from './rmv.js';
import { set } from './set.js';
import { take } from './take.js';
import { update } from './update.js';

export const DATA_COMMANDS: readonly Command[] = [
  set,
  add,
  get,
  getAll,
  rmv,
  contains,
  keys,
  count,
  clear,
  clearSet,
  inc,
  take,
  cas,
  update,
  find,
];

/** By op of the SH_ command; undefined where there is none. */
export const dataCommandByOp: readonly (Command | undefined)[] = Array.from(
  { length: OP_MAX + 1 },
  (_, op) => DATA_COMMANDS.find((command) => CATALOGUE[command.name].op === op),
);
