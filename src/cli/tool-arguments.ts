/** What check, repair and inspect share: one path and a few switches on their command line. */
import { parseArgs } from 'node:util';
import { UsageError } from './exit.js';

export interface ToolArguments {
  readonly path: string;
  /** The switches given, without dashes. */
  readonly switches: ReadonlySet<string>;
}

export interface ToolShape {
  readonly tool: string;
  /** What the path is called in the tool's help: DIRECTORY, FILE. */
  readonly operand: string;
  readonly switches: readonly string[];
}

/** Undefined when the arguments ask for help. */
export function toolArgumentsFrom(
  shape: ToolShape,
  args: readonly string[],
): ToolArguments | undefined {
  const { tool, operand } = shape;
  const names = ['help', ...shape.switches];
  const { values, positionals } = parsed(tool, names, args);
  if (values['help'] === true) return undefined;
  const [path, ...others] = positionals;
  if (path === undefined || path === '') throw new UsageError(`${tool}: needs a ${operand}`);
  if (others.length > 0) throw new UsageError(`${tool}: expected one ${operand}, no more`);
  return { path, switches: new Set(shape.switches.filter((name) => values[name] === true)) };
}

function parsed(
  tool: string,
  names: readonly string[],
  args: readonly string[],
): {
  readonly values: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];
} {
  const options = Object.fromEntries(
    names.map((name) => [
      name,
      name === 'help' ? { type: 'boolean' as const, short: 'h' } : { type: 'boolean' as const },
    ]),
  );
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${tool}: ${message.split(/\.\s|\n/, 1)[0] ?? message}`);
  }
}
