/** The job pool as it is built: its threads run what is in dist. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Jobs } from '../../src/server/jobs.js';
import type { FileHeader } from '../../src/storage/file-header.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const dist = new URL('../../dist/src/server/jobs.js', import.meta.url).href;
const { Jobs: BuiltJobs } = (await import(dist)) as typeof import('../../src/server/jobs.js');

const HEADER: FileHeader = {
  kind: 'snapshot',
  epoch: 1,
  shard: 0,
  shards: 1,
  number: 1,
  createdMs: 1,
  firstSequence: 1,
  backlog: 0,
  secretCheck: '0123456789abcdef',
};
const LOWEST = 19;

let jobs: Jobs | undefined;
afterEach(async () => {
  await jobs?.stop();
  jobs = undefined;
});

describe('Jobs', () => {
  test('write a file in several steps, from shared memory', async () => {
    jobs = new BuiltJobs();
    const directory = temporaryFolder();
    const target = { directory, file: 'some.snap', header: HEADER };
    let progress = await jobs.run('create-snapshot', target);
    for (const sessions of [1, 2]) {
      const bytes = new Uint8Array(new SharedArrayBuffer(200_000), 8, 100_000);
      const input = { progress, bytes, sessions, keys: 2 * sessions };
      progress = await jobs.run('append-to-snapshot', input);
    }
    const figures = await jobs.run('finish-snapshot', progress);
    expect(figures).toEqual({ sessions: 3, keys: 6, bytes: expect.any(Number) as number });
    const content = readFileSync(`${directory}/some.snap`);
    expect(content.length).toBe(figures.bytes);
    expect(content.subarray(0, 8).toString()).toBe('SOJOURN\n');
  });

  test('that fail reject with the code of the system', async () => {
    jobs = new BuiltJobs();
    const target = { directory: '/nowhere/at/all', file: 'some.snap', header: HEADER };
    const failed = jobs.run('create-snapshot', target);
    await expect(failed).rejects.toMatchObject({ name: 'JobError', code: 'ENOENT' });
  });

  test.runIf(process.platform === 'linux')('run at the lowest priority', async () => {
    jobs = new BuiltJobs();
    await jobs.run('create-snapshot', { directory: temporaryFolder(), file: 'a', header: HEADER });
    const niceOf = (thread: string): number => {
      const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    };
    const niced = readdirSync('/proc/self/task').filter((thread) => niceOf(thread) === LOWEST);
    expect(niced.length).toBeGreaterThanOrEqual(1);
    expect(niceOf(String(process.pid))).toBe(0);
  });
});
