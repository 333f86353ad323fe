/**
 * Goal: what was acknowledged survives a machine that goes down, whatever its disk had done by then.
 * Method: the real log, snapshots, manifest and recovery of a shard over a file system in memory that
 * forgets a random part of all that was not synced, cut at a random operation, over and over.
 */
import { describe, expect, test } from 'vitest';
import type { FsyncChoice } from '../../src/storage/shard-log.js';
import { CrashHistory, CrashShard } from '../support/crash-shard.js';
import { PowerCutFiles } from '../support/power-cut-files.js';
import { Random } from '../support/random.js';
import { START_MS } from '../support/shard-harness.js';

const LONG = Number(process.env['CRASH_KILLS'] ?? 0) > 100;
const SEEDS = LONG ? 150 : 12;
const CUTS_PER_SEED = 12;
const TURNS_MAX = 120;
const OPERATIONS_MAX = 400;
const FIRST_SEED = Number(process.env['CRASH_SEED'] ?? 1);

/** One operation in so many fails, where they do. */
const OPERATIONS_PER_FAILURE = 25;

interface World {
  /** Whether the disk fails, too, once the shard runs. */
  readonly fails: boolean;
  readonly random: Random;
  readonly history: CrashHistory;
  readonly fsync: FsyncChoice;
  files: PowerCutFiles;
  nowMs: number;
  boot: number;
}

/** A start, perhaps with the power cut within it, and turns until the power is cut. */
function live(world: World): void {
  const { random, history, fsync, files } = world;
  world.boot += 1;
  files.operationsLeft = 1 + random.below(OPERATIONS_MAX);
  try {
    const shard = new CrashShard({
      ...{ files, random, history, fsync, nowMs: world.nowMs, boot: world.boot },
      segmentBytes: 4_096 << random.below(5),
    });
    if (world.fails) files.onOperation = (operation) => failAtRandom(operation, random);
    const turns = random.below(TURNS_MAX);
    const snapshotsEvery = 1 + random.below(6);
    for (let turn = 0; turn < turns && !files.isCut; turn += 1) {
      shard.turn();
      world.nowMs = shard.shard.clock.nowMs();
      if (files.isCut) break;
      if (turn % snapshotsEvery === 0) shard.stepSnapshot();
      if (fsync === 'everysec' && random.below(8) === 0) shard.sync();
    }
  } catch (error) {
    if (!files.isCut) throw error;
  }
  world.nowMs += random.below(3) * 1_000;
  world.files = files.afterCut([0, 0.5, 0.5, 0.5, 1][random.below(5)]!);
}

function failAtRandom(operation: string, random: Random): void {
  const code = { sync: 'EIO', syncDirectory: 'EIO', write: 'ENOSPC', create: 'ENOSPC' }[operation];
  if (code === undefined || random.below(OPERATIONS_PER_FAILURE) > 0) return;
  throw Object.assign(new Error(code), { code });
}

describe('a shard whose power is cut', () => {
  test.each([
    ['always', 512, 'that works', false],
    ['always', 4_096, 'that works', false],
    ['always', 512, 'that fails now and then', true],
    ['everysec', 512, 'that works', false],
    ['everysec', 4_096, 'that works', false],
    ['everysec', 512, 'that fails now and then', true],
    ['no', 512, 'that works', false],
  ] as const)(
    `has every batch that --fsync %s promised, and starts, on a disk of %d-byte blocks %s (${SEEDS} seeds from ${FIRST_SEED})`,
    (fsync, blockBytes, _, fails) => {
      const { seen } = new CrashHistory();
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
        const random = new Random(seed * 7_919);
        const history = new CrashHistory();
        const files = new PowerCutFiles({ random, blockBytes });
        const world: World = { fails, random, history, fsync, files, nowMs: START_MS, boot: 0 };
        for (let cut = 0; cut < CUTS_PER_SEED; cut += 1) {
          try {
            live(world);
          } catch (error) {
            const why = (error as Error).message;
            throw new Error(`seed ${seed}, cut ${cut}: ${why}`, { cause: error });
          }
        }
        for (const name of Object.keys(seen) as (keyof typeof seen)[]) {
          seen[name] += history.seen[name];
        }
      }
      console.log(JSON.stringify({ fsync, blockBytes, fails, ...seen }));
      expect(seen.batches).toBeGreaterThan(100);
      expect(seen.snapshots).toBeGreaterThan(10);
      if (fails) expect(seen.failures).toBeGreaterThan(10);
      if (fsync !== 'always') expect(seen.lost).toBeGreaterThan(0);
    },
    LONG ? 600_000 : 60_000,
  );
});
