/**
 * Every command there is, once: its number, its parameters, its result. Validation on the shard,
 * the text dialect, the SDK's types, docs/COMMANDS.md and the conformance test follow from it.
 *
 * Rows with onDefaultMap stand for two commands each: a KV_ command is the SH_ command of the same
 * name on the default map, its number 64 higher. Released numbers keep their meaning for good.
 * Files to keep in step: docs/PROTOCOL.md.
 */
import { DATA_ROWS } from './data-rows.js';
import { LIFE_ROWS } from './life-rows.js';
import { SAVE_ROWS } from './save-rows.js';
import { SERVER_ROWS } from './server-rows.js';

export type { Access, CommandSpec, Place } from './command-spec.js';

export const COMMANDS = { ...LIFE_ROWS, ...DATA_ROWS, ...SAVE_ROWS, ...SERVER_ROWS } as const;
