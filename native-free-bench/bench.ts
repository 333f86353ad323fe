/** What a bench is, and where its figures go. */
import { thisMachine, type Machine } from './machine.js';
import type { BenchOptions } from './options.js';

export interface Bench {
  readonly name: string;
  readonly summary: string;
  run(options: BenchOptions, output: Output): Promise<void>;
}

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
  }

  /** One line per case, only with --json. */
  result(bench: string, result: Readonly<Record<string, unknown>>): void {
    if (this.#isJson) console.log(JSON.stringify({ bench, ...result, ...this.#machine }));
  }

  /** What is going on, while it does. */
  progress(text: string): void {
    console.error(text);
  }
}
