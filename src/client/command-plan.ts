/**
 * What the client needs to know of each command to send it, worked out once from the catalogue.
 */
import {
  CATALOGUE,
  COMMAND_ENTRIES,
  type BodyOf,
  type CommandName,
  type DataCommandName,
  type ResultOf,
} from '../protocol/catalogue.js';
import type { ValueType } from '../protocol/value-types.js';

/** Every name a command goes by: SH_GET, and KV_GET for the same on the default map. */
export type WireName = CommandName | DefaultMapName<DataCommandName>;

type DefaultMapName<Name extends string> = Name extends `SH_${infer Rest}` ? `KV_${Rest}` : never;

/** The row of the catalogue behind a wire name. */
export type RowOf<Name extends WireName> = Name extends CommandName
  ? Name
  : Name extends `KV_${infer Rest}`
    ? Extract<`SH_${Rest}`, CommandName>
    : never;

export interface Parameter {
  readonly name: string;
  readonly type: ValueType;
  readonly isOptional: boolean;
}

export interface CommandPlan<Row extends CommandName = CommandName> {
  readonly name: string;
  readonly row: Row;
  readonly op: number;
  readonly parameters: readonly Parameter[];
  /** Members of the result that hold tokens, and so change from bytes to text. */
  readonly tokenMembers: readonly string[];
  /** Whether executing it twice does what executing it once does: it may be sent again unasked. */
  readonly isRepeatable: boolean;
  /** Whether it gives the session another token. */
  readonly isRotation: boolean;
}

/** Beside the commands of access 'read'; these look and change nothing. */
const REPEATABLE: readonly CommandName[] = [
  'SH_EXISTS',
  'SH_INFO',
  'SH_INFO_ALL',
  'SH_LIST',
  'SV_INFO',
  'SV_PING',
  'SV_STATS',
];

const plans = new Map<string, CommandPlan>(
  COMMAND_ENTRIES.map((entry) => [
    entry.name,
    {
      name: entry.name,
      row: entry.command,
      op: entry.op,
      parameters: Object.entries(entry.spec.params).map(([name, member]) => ({
        name,
        type: member.type,
        isOptional: member.optional === true,
      })),
      tokenMembers: Object.entries(entry.spec.result)
        .filter(([, member]) => member.type === 'token' || member.type === 'tokens')
        .map(([name]) => name),
      isRepeatable: entry.spec.access === 'read' || REPEATABLE.includes(entry.command),
      isRotation: entry.command === 'SH_ROTATE',
    },
  ]),
);

export function planOf<Name extends WireName>(name: Name): CommandPlan<RowOf<Name>> {
  const plan = plans.get(name);
  if (plan === undefined) throw new TypeError('there is no command of this name');
  return plan as CommandPlan<RowOf<Name>>;
}

/** The plan of a data command: on the session of a token, or on the default map. */
export function dataPlanOf<Name extends DataCommandName>(
  name: Name,
  isDefaultMap: boolean,
): CommandPlan<Name> {
  const wireName = isDefaultMap ? `KV_${name.slice(3)}` : name;
  return planOf(wireName as WireName) as CommandPlan<Name>;
}

/** Makes the method's result from the reply's; mostly a plain function, so that no call makes a closure. */
export type Convert<Row extends CommandName, Result> = (
  result: ResultOf<Row>,
  body: BodyOf<Row>,
) => Result;

/** By name and by number: the commands that a batch may hold, which say SH_ on the default map, too. */
const batchPlans = new Map<unknown, CommandPlan>(
  [...plans.values()]
    .filter(({ name, row }) => name === row && row !== 'SH_BATCH' && isDataCommand(row))
    .flatMap((plan): [unknown, CommandPlan][] => [
      [plan.name, plan],
      [plan.op, plan],
    ]),
);

/** The plan of a command of a batch, by its number or name; undefined for what none may hold. */
export function batchPlanOf(command: unknown): CommandPlan | undefined {
  return batchPlans.get(command);
}

/** For KV_ and SH_ alike. */
export function isDataCommand(name: CommandName): name is DataCommandName {
  return CATALOGUE[name].onDefaultMap;
}
