/**
 * The whole command set against the reference model: random commands from several connections, in
 * both dialects, on a server of several shards whose clock is moved by hand. Goal: each reply is
 * what the model says, and so is what watchers are told, in its order. Method: one command at a time
 * over all connections, so that there is one order; and then many at once on one session, whose
 * order is that of sending. A failure prints its seed and the shortest commands that show it.
 *
 * Time goes on by whole milliseconds, for SH_INFO_ALL counts the dead no finer than that.
 *
 * Left to other tests: SV_ commands but SV_PING, --max-memory and --evict, what a disk can fail at.
 *
 * MODEL_SECONDS=600 runs longer, MODEL_SEED=7 repeats a run.
 */
import fc from 'fast-check';
import { afterEach, describe, test } from 'vitest';
import { DEFAULT_CONFIG, type Config } from '../../src/config/options.js';
import type { SharedManualClock } from '../../src/core/clock.js';
import { MODEL_KEYS_MAX } from '../support/bad-commands.js';
import { startServerInProcess, type InProcessServer } from '../support/in-process-server.js';
import { NativeModelClient, TextModelClient, type ModelClient } from '../support/model-clients.js';
import { modelSteps, pipelinedSteps, type ModelStep } from '../support/model-commands.js';
import { ModelDriver } from '../support/model-driver.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { RawClient } from '../support/raw-client.js';

const CONNECTIONS = 4;
const PROPERTIES = 5;
const STARTING = ['SH_NEW', 'SH_OPEN'];
const SECONDS = Number(process.env['MODEL_SECONDS'] ?? 50);
const SEED = Number(process.env['MODEL_SEED'] ?? Date.now() % 1_000_000_007);
const TIMEOUT_MS = SECONDS * 1_000 + 60_000;

const PARAMETERS = {
  seed: SEED,
  numRuns: 1_000_000,
  interruptAfterTimeLimit: (SECONDS / PROPERTIES) * 1_000,
  includeErrorInReport: true,
};

/** In what is not said otherwise. A machine under load must not make a search look long. */
const SETTINGS = { memory: true, maxFindSeconds: 10, maxKeys: MODEL_KEYS_MAX } as const;

/** Connections to a server, and the same after a restart. */
class Fixture {
  readonly config: Config;
  clock: SharedManualClock | undefined;
  clients: ModelClient[] = [];
  #running: InProcessServer | undefined;
  #open: RawClient[] = [];

  constructor(settings: Partial<Config>) {
    this.config = { ...DEFAULT_CONFIG, ...SETTINGS, ...settings };
  }

  /** Every second connection is one of text. */
  async start(): Promise<SharedManualClock> {
    this.#running = await startServerInProcess({ ...this.config, port: 0 }, this.clock);
    this.clock = this.#running.clock;
    const { url } = this.#running;
    const each = Array.from({ length: CONNECTIONS }, () => RawClient.connect(url));
    this.#open = await Promise.all(each);
    this.clients = this.#open.map((client, number) =>
      number % 2 === 0 ? new NativeModelClient(client) : new TextModelClient(client),
    );
    return this.clock;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#open.map((client) => client.close()));
    await this.#running?.server.stop();
  }

  async driver(): Promise<ModelDriver> {
    return await ModelDriver.start(this.clients, this.clock!, this.config);
  }
}

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.stop();
});

async function play(on: Fixture, steps: readonly ModelStep[]): Promise<void> {
  const driver = await on.driver();
  for (const step of steps) {
    if (step === 'restart') {
      await driver.comparePushes();
      await on.stop();
      await on.start();
      await driver.restarted(on.clients);
    } else if ('advanceMs' in step) {
      await driver.advance(step.advanceMs);
    } else {
      // No two sessions begin at the same instant, so that one of them is the oldest.
      if (STARTING.includes(step.name)) await driver.advance(1);
      await driver.run(step);
    }
  }
  await driver.comparePushes();
}

const SERVERS: readonly [string, Partial<Config>][] = [
  [
    'any number of sessions of an owner, queries into a KiB at most',
    { shards: 3, ioThreads: 2, maxSuperseded: 3, maxFindBytes: 1_024 },
  ],
  [
    // Replies wait for the log, as far as they change anything.
    'at most two sessions of an owner, and then 206; on disk, with saves, loads and restarts',
    {
      ...{ shards: 3, ioThreads: 2, maxSessionsPerOwner: 2, ownerLimit: 'reject' },
      ...{ memory: false, dataDir: temporaryFolder(), fsync: 'no' },
    },
  ],
  [
    'at most two sessions of an owner, and the oldest goes; 64 KiB in a session',
    {
      ...{ shards: 3, maxSessionsPerOwner: 2, ownerLimit: 'end-oldest' },
      ...{ maxSuperseded: 1, maxSessionBytes: 65_536 },
    },
  ],
  [
    'one shard, integers as tokens, three sessions of an owner and five in all',
    {
      ...{ shards: 1, tokenForm: 'uint64', maxSessions: 5 },
      ...{ maxSessionsPerOwner: 3, ownerLimit: 'end-oldest' },
    },
  ],
];

describe(`a server answers as the model does, seed ${SEED}`, () => {
  test.each(SERVERS)(
    '%s',
    async (_title, settings) => {
      const on = new Fixture(settings);
      fixture = on;
      await on.start();
      const steps = modelSteps(CONNECTIONS, !on.config.memory);
      await fc.assert(
        fc.asyncProperty(steps, async (each) => {
          await play(on, each);
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );

  test(
    'to commands that come at once on one session, in the order sent',
    async () => {
      const limit = { maxSessionsPerOwner: 1, ownerLimit: 'end-oldest' } as const;
      const on = new Fixture({ shards: 3, ioThreads: 2, ...limit });
      fixture = on;
      await on.start();
      const connections = fc.nat(CONNECTIONS - 1);
      await fc.assert(
        fc.asyncProperty(pipelinedSteps(), connections, async (commands, connection) => {
          const driver = await on.driver();
          const start = { connection, name: 'SH_NEW', token: 'none' } as const;
          await driver.run({ ...start, body: { owner: 'ann' } });
          await driver.advance(1);
          await driver.run({ ...start, body: {} });
          const watch = { name: 'SH_WATCH', token: 0, body: {} } as const;
          await driver.run({ connection: connection + 1, ...watch });
          await driver.runAll(commands.map((command) => ({ ...command, connection })));
          await driver.run({ connection, name: 'SH_LIST', token: 'none', body: { owner: 'ann' } });
          await driver.run({ connection, name: 'SH_INFO', token: 0, body: {} });
          await driver.comparePushes();
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );
});
