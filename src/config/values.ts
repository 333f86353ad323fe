/**
 * From what an operator wrote to a checked value, and back. Flags and environment names give text,
 * the config file gives JSON values; one schema, built from the table of options, takes both.
 */
import { z } from 'zod';
import {
  OPTION_NAMES,
  specOf,
  type NumberSpec,
  type OptionName,
  type OptionSpec,
} from './options.js';

export const TEXT_LENGTH_MAX = 4_096;

const UNIT_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kib: 1_024,
  mib: 1_024 ** 2,
  gib: 1_024 ** 3,
};
const SIZE = /^(\d{1,15}(?:\.\d{1,3})?) ?(b|kib|mib|gib)?$/i;
const WHOLE = /^\d{1,15}$/;
const DECIMAL = /^\d{1,15}(?:\.\d{1,9})?$/;

/** 64KiB -> 65536; undefined for what is no size. */
export function bytesFrom(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_BYTES[(match[2] ?? 'b').toLowerCase()] ?? 1);
}

/** 65536 -> 64KiB; a number that no unit divides stays as it is. */
export function sizeText(bytes: number): string {
  for (const [unit, name] of [
    [1_024 ** 3, 'GiB'],
    [1_024 ** 2, 'MiB'],
    [1_024, 'KiB'],
  ] as const) {
    if (bytes >= unit && bytes % unit === 0) return `${bytes / unit}${name}`;
  }
  return String(bytes);
}

/** A value as an operator would write it. */
export function valueText(spec: OptionSpec, value: string | number | boolean): string {
  return spec.kind === 'bytes' && typeof value === 'number' ? sizeText(value) : String(value);
}

/** What an option takes, for error lines, --help and the documentation. */
export function expectedOf(spec: OptionSpec): string {
  switch (spec.kind) {
    case 'text':
      return `text of ${spec.default === '' ? 0 : 1} to ${TEXT_LENGTH_MAX} characters`;
    case 'switch':
      return 'true or false';
    case 'choice':
      return `one of ${spec.choices.join(', ')}`;
    case 'count':
      return (
        `a whole number${spec.isPowerOfTwo ? ', a power of two,' : ''} ` +
        `from ${spec.min} to ${spec.max}`
      );
    case 'ratio':
      return `a number from ${spec.min} to ${spec.max}`;
    case 'seconds':
      return `a number of seconds from ${spec.min} to ${spec.max}`;
    case 'bytes':
      return (
        `a size${spec.isPowerOfTwo ? ', a power of two,' : ''} from ${sizeText(spec.min)} ` +
        `to ${sizeText(spec.max)}, such as ${spec.default || 1_048_576} or ${sizeText(spec.default || 1_048_576)}`
      );
  }
}

function numberFrom(spec: NumberSpec): (value: unknown) => unknown {
  return (value) => {
    if (typeof value !== 'string') return value;
    const text = value.trim();
    if (spec.kind === 'bytes') return bytesFrom(text) ?? value;
    return (spec.kind === 'count' ? WHOLE : DECIMAL).test(text) ? Number(text) : value;
  };
}

function isFractional(spec: NumberSpec): boolean {
  return spec.kind === 'seconds' || spec.kind === 'ratio';
}

const SWITCH_WORDS = new Map<unknown, boolean>([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

function schemaOf(spec: OptionSpec): z.ZodType {
  const error = expectedOf(spec);
  switch (spec.kind) {
    case 'text': {
      const text = z.string({ error }).max(TEXT_LENGTH_MAX, { error });
      return spec.default === '' ? text : text.min(1, { error });
    }
    case 'switch':
      return z.preprocess((value) => SWITCH_WORDS.get(value) ?? value, z.boolean({ error }));
    case 'choice':
      return z.enum(spec.choices as readonly [string, ...string[]], { error });
    default: {
      const number = z.number({ error }).min(spec.min, { error }).max(spec.max, { error });
      const isFine = (value: number): boolean =>
        (isFractional(spec) || Number.isSafeInteger(value)) &&
        (spec.isPowerOfTwo === undefined || Number.isInteger(Math.log2(value)));
      return z.preprocess(numberFrom(spec), number.refine(isFine, { error }));
    }
  }
}

/** The settings of one source: any of them, nothing else. Messages say what was expected. */
export const SETTINGS_SCHEMA = z.strictObject(
  Object.fromEntries(OPTION_NAMES.map((name) => [name, schemaOf(specOf(name)).optional()])),
);

export interface ValueProblem {
  readonly name: string;
  readonly expected: string;
}

export type Settings = Partial<Record<OptionName, string | number | boolean>>;

/** Checks the settings of one source; gives those in order and a problem for each of the others. */
export function checkSettings(given: Readonly<Record<string, unknown>>): {
  readonly settings: Settings;
  readonly problems: readonly ValueProblem[];
} {
  const checked = SETTINGS_SCHEMA.safeParse(given);
  if (checked.success) return { settings: checked.data as Settings, problems: [] };
  const byName = new Map<string, string>();
  for (const issue of checked.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const name of issue.keys) byName.set(name, 'no such setting');
      continue;
    }
    byName.set(String(issue.path[0]), `expected ${issue.message}`);
  }
  return {
    settings: {},
    problems: [...byName].map(([name, expected]) => ({ name, expected })),
  };
}
