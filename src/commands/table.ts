/** Every command there is. Adding one: write its file, then add its line here. */
import { assert } from '../core/errors.js';
import { CATALOGUE, COMMAND_ENTRIES, OP_MAX } from '../protocol/catalogue.js';
import { add } from './add.js';
import { clearSet } from './clear-set.js';
import { clear } from './clear.js';
import type { Command } from './command.js';
import { contains } from './contains.js';
import { count } from './count.js';
import { endAll } from './end-all.js';
import { end } from './end.js';
import { exists } from './exists.js';
import { expire } from './expire.js';
import { getAll } from './get-all.js';
import { get } from './get.js';
import { infoAll } from './info-all.js';
import { info } from './info.js';
import { keys } from './keys.js';
import { newSession } from './new.js';
import { open } from './open.js';
import { rmv } from './rmv.js';
import { set } from './set.js';
import { touch } from './touch.js';

const LIFE_COMMANDS = [newSession, open, end, endAll, exists, info, infoAll, touch, expire];
const DATA_COMMANDS = [set, add, get, getAll, rmv, contains, keys, count, clear, clearSet];

/** By op, KV_ commands included; undefined where the shard has none. */
export const commandByOp: readonly (Command | undefined)[] = byOp([
  ...LIFE_COMMANDS,
  ...DATA_COMMANDS,
]);

function byOp(commands: readonly Command[]): (Command | undefined)[] {
  const table = new Array<Command | undefined>(OP_MAX + 1).fill(undefined);
  for (const entry of COMMAND_ENTRIES) {
    const command = commands.find((each) => each.name === entry.command);
    assert(
      command !== undefined || ['io', 'main'].includes(CATALOGUE[entry.command].place),
      `${entry.command} is executed somewhere`,
    );
    table[entry.op] = command;
  }
  return table;
}
