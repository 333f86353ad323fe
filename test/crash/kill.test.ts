/**
 * The promise of the log, held against a real server: it is killed at any moment, and what was
 * acknowledged is there afterwards, what was not is wholly there or wholly not, and what has ended
 * stays ended.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CrashRun } from '../support/crash-run.js';

/** Kills in all; `npm run test:crash` asks for many more than a run of all tests can wait for. */
const KILLS = Number(process.env['CRASH_KILLS'] ?? 14);
const SEED = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
const MS_PER_KILL_MAX = 8_000;

/** The least sizes there are: segments, snapshots and manifests change all the time. */
const SMALL = ['--segment-bytes', '64KiB', '--snapshot-min-bytes', '64KiB'];
const OFTEN = [...SMALL, '--snapshot-log-ratio', '0.1'];

/** What two snapshots a shard and the log since then take, and by far less than all that was made. */
const FILES_MAX = 400;

const CASES = [
  ['everysec', { share: 0.35, fsync: ['everysec'], flags: OFTEN }],
  ['no', { share: 0.15, fsync: ['no'], flags: SMALL }],
  ['always', { share: 0.2, fsync: ['always'], flags: OFTEN }],
  ['any', { share: 0.3, fsync: ['everysec', 'always', 'no'], flags: OFTEN }],
] as const;

describe('a server that is killed', () => {
  test.each(CASES)(
    `keeps what it acknowledged and nothing that ended, with --fsync %s (seed ${SEED})`,
    async (_, { share, fsync, flags }) => {
      const kills = Math.max(1, Math.round(KILLS * share));
      const seed = SEED + kills;
      const directory = mkdtempSync(join(tmpdir(), 'sojourn-crash-'));
      const run = new CrashRun({
        seed,
        directory,
        flags,
        fsync,
        shards: fsync.length > 1 ? [1, 2, 3] : [1],
        isKilledAtStart: true,
      });
      while (run.counts.kills < kills) await run.live();
      await run.finish();
      const total = totalOf(run);
      const files = readdirSync(directory, { recursive: true }).length;
      console.log(JSON.stringify({ seed, ...run.counts, ...total, ...run.told, files }));
      expect(total['acknowledged']).toBeGreaterThan(0);
      expect(files).toBeLessThan(FILES_MAX);
      rmSync(directory, { recursive: true });
    },
    KILLS * MS_PER_KILL_MAX + 60_000,
  );
});

function totalOf(run: CrashRun): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { counts } of run.lanes) {
    for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}
