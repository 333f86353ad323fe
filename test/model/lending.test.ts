/**
 * Goal: nobody can tell who has run a command, the shard or an I/O thread that has borrowed it. Method:
 * random commands to two shards of the same time, one of them never lent; the other executes each in a
 * turn of its own or lets one of two I/O threads do it. All replies are equal to the byte, and so are
 * the sessions in the end, walked as for a snapshot; with a log, also what a restart finds. Meanwhile
 * the shard alone tidies, and moves and gives up pages to which a filler next to its own adds.
 *
 * MODEL_SECONDS=600 runs longer, MODEL_SEED=7 repeats a run.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config/options.js';
import { LentSessions, lentSteps, type LentStep } from '../support/lending-commands.js';
import { LentShard } from '../support/lending-shard.js';
import { PageFiller } from '../support/page-filler.js';
import { Random } from '../support/random.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const PROPERTIES = 4;
const SECONDS = Number(process.env['MODEL_SECONDS'] ?? 16);
const SEED = Number(process.env['MODEL_SEED'] ?? Date.now() % 1_000_000_007);
const TIMEOUT_MS = SECONDS * 1_000 + 60_000;

const PARAMETERS = {
  seed: SEED,
  numRuns: 1_000_000,
  interruptAfterTimeLimit: (SECONDS / PROPERTIES) * 1_000,
  includeErrorInReport: true,
};

const open: LentShard[] = [];
afterEach(() => close());

function close(): void {
  for (const shard of open.splice(0)) shard.close();
}

function newShard(config: Partial<Config>, folder?: string): LentShard {
  const shard = new LentShard({ config, ...(folder === undefined ? {} : { folder }) });
  open.push(shard);
  return shard;
}

/** How many commands each has run, over all runs of a test. */
const ran = { shard: 0, borrower: 0 };

class Pair {
  readonly #lent: LentShard;
  readonly #plain: LentShard;
  readonly #sessions = new LentSessions();
  #filler: PageFiller;
  readonly #random = new Random(SEED);

  constructor(config: Partial<Config>, folder?: string) {
    this.#lent = newShard({ ...config, ioThreads: 2 }, folder);
    this.#plain = newShard({ ...config, ioThreads: 2, lend: 'never' });
    this.#filler = this.#newFiller();
  }

  #newFiller(): PageFiller {
    return new PageFiller(this.#lent.states.sessions.memory);
  }

  play(steps: readonly LentStep[]): void {
    for (let at = 0; at < steps.length;) {
      // Those in a row that are for borrowers are run while the shard sleeps once, if they may be.
      const waiting = this.#lent.sleep(() => {
        while (at < steps.length && steps[at]!.by === 'borrower') {
          const step = steps[at++]!;
          this.#push(step);
          if (!this.#lent.ios[step.io]!.flush()) return step;
          this.#compare(step, 'borrower');
        }
        return undefined;
      });
      const step = waiting ?? steps[at++];
      if (step === undefined) break;
      if (step.fills) this.#filler.change(this.#random);
      if (step !== waiting) this.#push(step);
      this.#lent.ios[step.io]!.publish();
      this.#lent.turn();
      this.#compare(step, 'shard');
      // All memory has gone, its pages, too.
      if (step.commands.some(({ name }) => name === 'SH_END_ALL')) this.#filler = this.#newFiller();
    }
    this.#lent.settle();
    this.#plain.settle();
    // First, for it looks at every session: what time does to an empty one is put off until then.
    expect(this.#lent.describe()).toEqual(this.#plain.describe());
    expect(this.#lent.sessionEntries()).toEqual(this.#plain.sessionEntries());
  }

  expectRecovered(): void {
    this.#lent.settle();
    expect(this.#lent.describeRecovered()).toEqual(this.#lent.describe());
  }

  #push({ io, advanceMs, commands }: LentStep): void {
    const shards = [this.#lent, this.#plain];
    for (const { clock } of shards) clock.advance(advanceMs);
    for (const command of commands)
      this.#sessions.push(
        command,
        shards.map(({ ios }) => ios[io]!),
      );
  }

  #compare({ io, commands }: LentStep, by: 'shard' | 'borrower'): void {
    ran[by] += commands.length;
    const [lent, plain] = [this.#lent.ios[io]!, this.#plain.ios[io]!];
    plain.publish();
    this.#plain.turn();
    const [actual, expected] = [lent.replies(), plain.replies()];
    expect(actual).toHaveLength(commands.length);
    const isSame = actual.every(({ bytes }, at) => Buffer.from(bytes).equals(expected[at]!.bytes));
    // Shown only if there is something to see: expect() takes longer than the commands.
    if (!isSame) expect({ commands, actual }).toEqual({ commands, actual: expected });
  }
}

const SHARDS: readonly [string, Partial<Config>, boolean][] = [
  ['in memory', {}, false],
  ['with small rings', { ringBytes: 16 << 10 }, false],
  ['with a log', { fsync: 'no' }, true],
  ['with at most two sessions of an owner', { maxSessionsPerOwner: 2, maxSuperseded: 1 }, false],
];

describe(`a shard that is lent answers as one that is not, seed ${SEED}`, () => {
  test.each(SHARDS)(
    '%s',
    (_title, config, isLogged) => {
      Object.assign(ran, { shard: 0, borrower: 0 });
      fc.assert(
        fc.property(lentSteps(), (steps) => {
          const pair = new Pair(config, isLogged ? temporaryFolder() : undefined);
          try {
            pair.play(steps);
            if (isLogged) pair.expectRecovered();
          } finally {
            close();
          }
        }),
        PARAMETERS,
      );
      expect(ran.borrower).toBeGreaterThan(ran.shard / 4);
      expect(ran.shard).toBeGreaterThan(ran.borrower / 4);
    },
    TIMEOUT_MS,
  );
});
