/**
 * Every command there is. Adding one: write its file, then add its line here, or in
 * data-commands.ts if it works on keys.
 */
import { assert } from '../core/errors.js';
import { CATALOGUE, COMMAND_ENTRIES, OP_MAX } from '../protocol/catalogue.js';
import { batch } from './batch.js';
import { DATA_COMMANDS } from './data-commands.js';
import { end } from './end.js';
import { endAll } from './end-all.js';
import { endId } from './end-id.js';
import { exists } from './exists.js';
import { expire } from './expire.js';
import { info } from './info.js';
import { infoAll } from './info-all.js';
import { list } from './list.js';
import { newSession } from './new.js';
import { open } from './open.js';
import { rotate } from './rotate.js';
import { setOwner } from './set-owner.js';
import { touch } from './touch.js';
import { unwatch } from './unwatch.js';
import { watch } from './watch.js';
import type { Command } from './command.js';

const LIFE_COMMANDS = [
  newSession,
  open,
  end,
  endAll,
  exists,
  info,
  infoAll,
  touch,
  expire,
  rotate,
  setOwner,
  list,
  endId,
  watch,
  unwatch,
];

/** By op, KV_ commands included; undefined where the shard has none. */
export const commandByOp: readonly (Command | undefined)[] = byOp([
  ...LIFE_COMMANDS,
  ...DATA_COMMANDS,
  batch,
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
