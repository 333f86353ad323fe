/**
 * A command's parameters as the catalogue declares them, made ready for decoding: in alphabetical
 * order, which is the order they are checked in, with their names as bytes.
 */
import { ByteSpace } from '../core/copy.js';
import { CATALOGUE, type CommandName, COMMAND_ENTRIES, OP_MAX } from '../protocol/catalogue.js';
import type { ValueType } from '../protocol/value-types.js';

export interface Parameter {
  readonly name: string;
  readonly nameSpace: ByteSpace;
  readonly type: ValueType;
  readonly isRequired: boolean;
  /** Whether it lists keys beside a map of keys, as `rmv` of SH_CAS does. */
  readonly isRemovals: boolean;
  /** Of `keys` where nothing else is required: the header of a list or map of one; else 0. */
  readonly headerOfOne: number;
}

export type Parameters = readonly Parameter[];

const encoder = new TextEncoder();
const byCommand = new Map<CommandName, Parameters>();

/** The parameters of a command, in alphabetical order. */
export function parametersOf(command: CommandName): Parameters {
  const known = byCommand.get(command);
  if (known !== undefined) return known;
  const members = Object.entries(CATALOGUE[command].params);
  const parameters = members
    .map(([name, member]) => ({
      name,
      nameSpace: spaceOf(name),
      type: member.type,
      isRequired: member.optional !== true,
      isRemovals: member.type === 'keys' && members.some(([, each]) => each.type === 'map'),
      headerOfOne: members.every(([each, { optional }]) => each === 'keys' || optional === true)
        ? headerOfOne(name, member.type)
        : 0,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  byCommand.set(command, parameters);
  return parameters;
}

/** Where a parameter stands among parametersOf(); for reading it out of a decoded body. */
export function parameterIndex(command: CommandName, name: string): number {
  const index = parametersOf(command).findIndex((parameter) => parameter.name === name);
  if (index < 0) throw new Error(`${command} has no parameter ${name}`);
  return index;
}

/** By op, KV_ commands included; empty where there is no command. */
export const parametersByOp: readonly Parameters[] = Array.from({ length: OP_MAX + 1 }, (_, op) => {
  const entry = COMMAND_ENTRIES.find((each) => each.op === op);
  return entry === undefined ? [] : parametersOf(entry.command);
});

function headerOfOne(name: string, type: ValueType): number {
  if (name !== 'keys') return 0;
  return type === 'keys' ? 0x91 : type === 'map' ? 0x81 : 0;
}

function spaceOf(text: string): ByteSpace {
  const bytes = encoder.encode(text);
  const space = new ByteSpace(new ArrayBuffer(bytes.length));
  space.bytes.set(bytes);
  return space;
}
