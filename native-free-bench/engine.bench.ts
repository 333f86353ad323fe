/**
 * One shard alone, in this thread: what a command costs from request ring to reply ring, with many
 * sessions, drawn at random so that few of them are in the processor's caches. To fill one ring and to
 * empty the other is an I/O thread's work, or here the bench's: it is shown, but is not the shard's.
 */
import { randomFillSync } from 'node:crypto';
import { ByteSpace } from '../src/core/copy.js';
import { setCompilerFlags } from '../src/server/compiler-flags.js';
import { CATALOGUE } from '../src/protocol/catalogue.js';
import type { Bench } from './bench.js';
import { LocalShard } from './local-shard.js';
import { bodyOf, ID_OFFSET, nativeProtocol } from './native-protocol.js';
import { KEY_COUNT, TOKEN_BYTES } from './protocol.js';
import { median, summaryOf } from './statistics.js';
import { compact, percent } from './table.js';

const SESSIONS = 1_000_000;
const SESSION_SECONDS = 3_600;
/** What is asked for, by number of sessions. */
const GETS_PER_SECOND_MIN: ReadonlyMap<number, number> = new Map([
  [100_000, 3_000_000],
  [4_000_000, 1_500_000],
]);
const COMMANDS_PER_TURN = 64;
/** A power of two. */
const DRAWS = 1 << 20;
const SLOT_MASK = 1023;
const NO_TOKEN = Buffer.alloc(TOKEN_BYTES);
const NIL_BODY = spaceOf(Buffer.from([0xc0]));
const NEW_BODY = spaceOf(bodyOf(nativeProtocol.create(NO_TOKEN, 0, SESSION_SECONDS)));

interface EngineCase {
  readonly name: 'SH_GET' | 'SH_SET' | 'SH_TOUCH' | 'SH_GET_ALL';
  /** By key, of which one is drawn for each command. */
  readonly bodies: readonly ByteSpace[];
}

const byKey = (commandFor: (key: number) => Buffer): readonly ByteSpace[] =>
  Array.from({ length: KEY_COUNT }, (_, index) => spaceOf(bodyOf(commandFor(index + 1))));

const CASES: readonly EngineCase[] = [
  { name: 'SH_GET', bodies: byKey((key) => nativeProtocol.get(NO_TOKEN, 0, key)) },
  { name: 'SH_SET', bodies: byKey((key) => nativeProtocol.set(NO_TOKEN, 0, key)) },
  { name: 'SH_GET_ALL', bodies: [NIL_BODY] },
  { name: 'SH_TOUCH', bodies: [NIL_BODY] },
];

export const engine: Bench = {
  name: 'engine',
  summary: 'one shard in this thread, from ring to ring, with no sockets',

  async run(options, output) {
    const sessions = options.sessions === 0 ? SESSIONS : options.sessions;
    setCompilerFlags();
    const run = new EngineRun(sessions);
    const startedPerSecond = run.start();
    const bytesPerSession = run.shard.state.bytes / sessions;
    const rates = CASES.map((): number[] => []);
    const ratesWithBench = CASES.map((): number[] => []);
    for (let round = -1; round < options.rounds; round += 1) {
      for (const [index, one] of CASES.entries()) {
        const { perSecond, withBench } = run.measure(one, options.seconds);
        // The first round only warms up.
        if (round < 0) continue;
        rates[index]!.push(perSecond);
        ratesWithBench[index]!.push(withBench);
      }
    }
    run.shard.close();
    output.heading('engine', `one shard, ${sessions} sessions of three 32-byte values`);
    output.result('engine', { sessions, case: 'SH_NEW', startedPerSecond, bytesPerSession });
    const rows = CASES.map(({ name }, index) => {
      const rate = summaryOf(rates[index]!);
      const withBench = summaryOf(ratesWithBench[index]!);
      output.result('engine', {
        ...{ sessions, case: name, commandsPerSecond: rate },
        commandsPerSecondWithBench: withBench,
      });
      return [
        ...[name, compact(rate.median), percent(rate.spread), nanoseconds(rate.median)],
        nanoseconds(withBench.median),
      ];
    });
    output.table('engine', {
      rows: [
        ['', 'commands/s', 'spread', 'ns per command', 'with the bench itself'],
        ['SH_NEW, once', '', '', '', nanoseconds(startedPerSecond)],
        ...rows,
      ],
      note:
        'The shard takes requests from a ring and puts replies into another. That the bench, in the ' +
        'same thread, fills the one and empties the other is in the last column only. ' +
        `${bytesPerSession.toFixed(1)} bytes per session, as --max-memory counts them.`,
    });
    const getsPerSecond = GETS_PER_SECOND_MIN.get(sessions);
    if (getsPerSecond !== undefined) {
      output.goal('engine', {
        what: `SH_GET per second of one shard's own time, ${compact(sessions)} sessions`,
        value: Math.round(median(rates[0]!)),
        atLeast: getsPerSecond,
      });
    }
    return Promise.resolve();
  },
};

function spaceOf(bytes: Buffer): ByteSpace {
  return new ByteSpace(Uint8Array.from(bytes).buffer);
}

function nanoseconds(perSecond: number): string {
  return (1e9 / perSecond).toFixed(0);
}

class EngineRun {
  readonly shard = new LocalShard();
  readonly #sessions: number;
  readonly #digests: Int32Array;
  /**
   * Sessions in random order, drawn before the clock runs: indexes, and their digests once more in the
   * order drawn, so that the bench's own reads are no cache misses.
   */
  readonly #draws: Int32Array;
  readonly #drawnDigests = new Int32Array(DRAWS * 4);

  constructor(sessions: number) {
    this.#sessions = sessions;
    this.#digests = randomFillSync(new Int32Array(sessions * 4));
    this.#draws = Int32Array.from({ length: DRAWS }, () => Math.floor(Math.random() * sessions));
    this.#draws.forEach((index, draw) => {
      this.#drawnDigests.set(this.#digests.subarray(index * 4, index * 4 + 4), draw * 4);
    });
  }

  /** Starts all sessions. @returns how many a second. */
  start(): number {
    const startedMs = performance.now();
    let succeeded = 0;
    for (let index = 0; index < this.#sessions; index += 1) {
      this.#push(CATALOGUE.SH_NEW.op, index, this.#digests, index * 4, NEW_BODY);
      if (index % COMMANDS_PER_TURN === COMMANDS_PER_TURN - 1) succeeded += this.shard.turn();
    }
    succeeded += this.shard.turn();
    if (succeeded !== this.#sessions) throw new Error(`${succeeded} of ${this.#sessions} started`);
    return (this.#sessions / (performance.now() - startedMs)) * 1_000;
  }

  /** @returns commands per second of the shard's time, and of the time that it took in all. */
  measure({ name, bodies }: EngineCase, seconds: number): { perSecond: number; withBench: number } {
    const { op } = CATALOGUE[name];
    const busyBeforeMs = this.shard.busyMs;
    const startedMs = performance.now();
    let commands = 0;
    let succeeded = 0;
    let elapsedMs = 0;
    while (elapsedMs < seconds * 1_000) {
      for (let count = 0; count < COMMANDS_PER_TURN; count += 1) {
        const draw = (commands + count) & (DRAWS - 1);
        const body = bodies[count % bodies.length]!;
        this.#push(op, this.#draws[draw]!, this.#drawnDigests, draw * 4, body);
      }
      succeeded += this.shard.turn();
      commands += COMMANDS_PER_TURN;
      elapsedMs = performance.now() - startedMs;
    }
    if (succeeded !== commands) throw new Error(`${name}: ${commands - succeeded} commands failed`);
    return {
      perSecond: (commands / (this.shard.busyMs - busyBeforeMs)) * 1_000,
      withBench: (commands / elapsedMs) * 1_000,
    };
  }

  #push(op: number, index: number, digests: Int32Array, digestAt: number, body: ByteSpace): void {
    const slot = digests[digestAt]! & SLOT_MASK;
    this.shard.push({ op, id: ID_OFFSET + index, digests, digestAt, slot, body });
  }
}
