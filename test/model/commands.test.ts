/**
 * The whole command set against the reference model: random commands from several connections, in
 * both dialects, on a server of several shards whose clock is moved by hand. Goal: each reply is
 * what the model says, and so is what watchers are told, in its order. Method: one command at a time
 * over all connections, so that there is one order; and then many at once on one session, whose
 * order is that of sending. A failure prints its seed and the shortest commands that show it.
 *
 * Time goes on by whole milliseconds, for SH_INFO_ALL counts the dead no finer than that.
 *
 * MODEL_SECONDS=600 runs longer, MODEL_SEED=7 repeats a run.
 */
import fc from 'fast-check';
import { afterEach, describe, test } from 'vitest';
import type { Config } from '../../src/config/options.js';
import { startServerInProcess, type InProcessServer } from '../support/in-process-server.js';
import { NativeModelClient, TextModelClient, type ModelClient } from '../support/model-clients.js';
import { modelSteps, pipelinedSteps, type ModelStep } from '../support/model-commands.js';
import { ModelDriver } from '../support/model-driver.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { RawClient } from '../support/raw-client.js';
import type { ModelLimits } from '../support/reference-model.js';

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

let running: InProcessServer | undefined;
const open: RawClient[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
  await running?.server.stop();
  running = undefined;
});

/** Connections to a new server, every second one of text. */
async function connect(settings: Partial<Config>): Promise<ModelClient[]> {
  // A machine under load must not make a search look long.
  running = await startServerInProcess({ maxFindSeconds: 10, ...settings });
  const clients: ModelClient[] = [];
  for (let number = 0; number < CONNECTIONS; number += 1) {
    const client = await RawClient.connect(running.url);
    open.push(client);
    clients.push(number % 2 === 0 ? new NativeModelClient(client) : new TextModelClient(client));
  }
  return clients;
}

async function play(driver: ModelDriver, steps: readonly ModelStep[]): Promise<void> {
  for (const step of steps) {
    if ('advanceMs' in step) await driver.advance(step.advanceMs);
    else {
      // No two sessions begin at the same instant, so that one of them is the oldest.
      if (STARTING.includes(step.name)) await driver.advance(1);
      await driver.run(step);
    }
  }
  await driver.end();
}

/** Replies wait for the log, as far as they change anything. */
function onDisk(): Partial<Config> {
  return { memory: false, dataDir: temporaryFolder(), fsync: 'no' };
}

const SERVERS: readonly [string, Partial<Config>, ModelLimits][] = [
  [
    'any number of sessions of an owner',
    { shards: 3, ioThreads: 2, maxSuperseded: 3 },
    { ofOwner: 0, endsOldest: false, superseded: 3 },
  ],
  [
    'at most two sessions of an owner, and then 206; on disk',
    { shards: 3, ioThreads: 2, maxSessionsPerOwner: 2, ownerLimit: 'reject', ...onDisk() },
    { ofOwner: 2, endsOldest: false, superseded: 8 },
  ],
  [
    'at most two sessions of an owner, and the oldest goes',
    { shards: 3, maxSessionsPerOwner: 2, ownerLimit: 'end-oldest', maxSuperseded: 1 },
    { ofOwner: 2, endsOldest: true, superseded: 1 },
  ],
  [
    'one shard, integers as tokens, three sessions of an owner',
    { shards: 1, tokenForm: 'uint64', maxSessionsPerOwner: 3, ownerLimit: 'end-oldest' },
    { ofOwner: 3, endsOldest: true, superseded: 8 },
  ],
];

describe(`a server answers as the model does, seed ${SEED}`, () => {
  test.each(SERVERS)(
    '%s',
    async (_title, settings, limits) => {
      const clients = await connect(settings);
      const { clock } = running!;
      await fc.assert(
        fc.asyncProperty(modelSteps(CONNECTIONS), async (steps) => {
          await play(await ModelDriver.start(clients, clock, limits), steps);
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );

  test(
    'to commands that come at once on one session, in the order sent',
    async () => {
      const limits = { ofOwner: 1, endsOldest: true, superseded: 8 };
      const limit = { maxSessionsPerOwner: 1, ownerLimit: 'end-oldest' } as const;
      const clients = await connect({ shards: 3, ioThreads: 2, ...limit });
      const { clock } = running!;
      const connections = fc.nat(CONNECTIONS - 1);
      await fc.assert(
        fc.asyncProperty(pipelinedSteps(), connections, async (commands, connection) => {
          const driver = await ModelDriver.start(clients, clock, limits);
          const start = { connection, name: 'SH_NEW', token: 'none' } as const;
          await driver.run({ ...start, body: { owner: 'ann' } });
          await driver.advance(1);
          await driver.run({ ...start, body: {} });
          const watch = { name: 'SH_WATCH', token: 0, body: {} } as const;
          await driver.run({ connection: connection + 1, ...watch });
          await driver.runAll(commands.map((command) => ({ ...command, connection })));
          await driver.run({ connection, name: 'SH_LIST', token: 'none', body: { owner: 'ann' } });
          await driver.run({ connection, name: 'SH_INFO', token: 0, body: {} });
          await driver.end();
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );
});
