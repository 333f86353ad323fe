/** What a bench is, and where its figures go. */
import { thisMachine, type Machine } from './machine.js';
import type { BenchOptions } from './options.js';
import { rounded, tableOf } from './table.js';

export interface Bench {
  readonly name: string;
  readonly summary: string;
  run(options: BenchOptions, output: Output): Promise<void>;
}

export interface Table {
  readonly title?: string;
  /** The first is the header. An empty one ends the table; the next then begins another. */
  readonly rows: readonly (readonly string[])[];
  readonly note?: string;
}

/** One value per group; null where there is none. */
export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** Lowest and highest round. */
  readonly spread?: readonly (readonly [low: number, high: number] | null)[];
}

export interface Chart {
  /** Part of its file's name. */
  readonly name: string;
  readonly title: string;
  /** Of the values. */
  readonly unit: string;
  readonly kind?: 'bars' | 'lines';
  readonly isLog?: boolean;
  readonly groups: readonly string[];
  readonly series: readonly Series[];
}

/** What a figure must reach. */
export interface Goal {
  readonly what: string;
  /** Undefined: not measured. */
  readonly value: number | undefined;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export function isMet({ value, atLeast, atMost }: Goal): boolean {
  if (value === undefined) return false;
  return value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
}

/** Where the figures of a bench go: to people as text, with --json to the report as lines. */
export class Output {
  readonly #isJson: boolean;
  readonly #machine: Machine = thisMachine();

  constructor(isJson: boolean) {
    this.#isJson = isJson;
  }

  /** For people: what a table says. */
  text(text: string): void {
    // With --json, standard output is for the machine alone.
    if (this.#isJson) console.error(text);
    else console.log(text);
  }

  /** Above a table: what ran where. */
  heading(bench: string, conditions: string): void {
    const { machine, node, commit } = this.#machine;
    this.text(`\n${bench}: ${conditions}\n${machine}; Node ${node}; commit ${commit}\n`);
    this.#line({ bench, conditions, ...this.#machine });
  }

  table(bench: string, table: Table): void {
    const { title, rows, note } = table;
    const parts = [title, tableOf(rows), note].filter((part) => part !== undefined);
    this.text(`${parts.join('\n')}\n`);
    this.#line({ bench, table });
  }

  /** For the report alone. */
  chart(bench: string, chart: Chart): void {
    this.#line({ bench, chart });
  }

  goal(bench: string, goal: Goal): void {
    const { what, value, atLeast, atMost } = goal;
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    const verdict = isMet(goal) ? 'met' : 'missed';
    this.text(
      `goal: ${what}: ${value === undefined ? 'not measured' : rounded(value)}, ${bound}: ${verdict}`,
    );
    this.#line({ bench, goal });
  }

  /** The figures of one case, for programs. */
  result(bench: string, result: Readonly<Record<string, unknown>>): void {
    this.#line({ bench, ...result, ...this.#machine });
  }

  #line(line: Readonly<Record<string, unknown>>): void {
    if (this.#isJson) console.log(JSON.stringify(line));
  }

  /** What is going on, while it does. */
  progress(text: string): void {
    console.error(text);
  }
}
