/**
 * The table of commands, ready to be asked: by wire name, by number, and for the types of bodies and
 * results. The rows themselves are in command-rows.ts.
 */
import { COMMANDS, type CommandSpec } from './command-rows.js';
import type { ObjectOf } from './value-types.js';

/** The names of the commands, as the catalogue lists them. */
export type CommandName = keyof typeof COMMANDS;

export const CATALOGUE: Readonly<Record<CommandName, CommandSpec>> = COMMANDS;

/** The body of a command, as TypeScript sees it. */
export type BodyOf<Name extends CommandName> = ObjectOf<(typeof COMMANDS)[Name]['params']>;
/** The result of a command, as TypeScript sees it. */
export type ResultOf<Name extends CommandName> = ObjectOf<(typeof COMMANDS)[Name]['result']>;

/** Commands that serve the default map, too. */
export type DataCommandName = {
  [Name in CommandName]: (typeof COMMANDS)[Name]['onDefaultMap'] extends true ? Name : never;
}[CommandName];

/** Added to an SH_ number, it names the KV_ command: the same on the default map. */
export const KV_OFFSET = 64;
export const OP_MAX = 255;
export const PROTOCOL_VERSION = 1;

/** What an op or a wire name resolves to. */
export interface CommandEntry {
  /** As clients write it: SH_GET or KV_GET. */
  readonly name: string;
  readonly op: number;
  /** The row of the catalogue; for KV_GET, that of SH_GET. */
  readonly command: CommandName;
  readonly spec: CommandSpec;
  /** Whether it serves the default map. */
  readonly isDefaultMap: boolean;
}

function allEntries(): CommandEntry[] {
  const entries: CommandEntry[] = [];
  for (const [name, spec] of Object.entries(CATALOGUE) as [CommandName, CommandSpec][]) {
    entries.push({ name, op: spec.op, command: name, spec, isDefaultMap: false });
    if (spec.onDefaultMap) {
      const kvName = `KV_${name.slice(3)}`;
      entries.push({
        name: kvName,
        op: spec.op + KV_OFFSET,
        command: name,
        spec,
        isDefaultMap: true,
      });
    }
  }
  return entries;
}

/** Every command under every name, in the order of the catalogue. */
export const COMMAND_ENTRIES: readonly CommandEntry[] = allEntries();

/** By op; undefined where there is none. */
export const entryByOp: readonly (CommandEntry | undefined)[] = Array.from(
  { length: OP_MAX + 1 },
  (_, op) => COMMAND_ENTRIES.find((entry) => entry.op === op),
);

const entryByName = new Map(COMMAND_ENTRIES.map((entry) => [entry.name, entry]));

/** The command of a wire name such as KV_GET; undefined for an unknown one. */
export function commandEntryOf(name: string): CommandEntry | undefined {
  return entryByName.get(name);
}
