/** The engine's own threads yield to those that serve. */
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../support/server-process.js';

/** A thread's name, and its priority as nice(1) says it. */
interface Thread {
  readonly name: string;
  readonly nice: number;
}

function threadsOf(pid: number): readonly Thread[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    // Behind the name, which may hold anything: proc(5), fields 3 and on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      nice: Number(fields[16]),
    };
  });
}

test.runIf(process.platform === 'linux')('serving threads come before compiling ones', async () => {
  const server = await startServer(['--shards', '2', '--io-threads', '2']);
  onTestFinished(async () => void (await server.stop()));
  const threads = (): readonly Thread[] => threadsOf(server.process.pid!);
  const serving = (): readonly Thread[] =>
    threads().filter(({ name }) => /^(io|shard)-\d$/.test(name));
  const names = (): readonly string[] => serving().map(({ name }) => name);
  // The server is ready once it listens; a shard may still be on the way to its name.
  await expect
    .poll(() => [...names()].sort(), { timeout: 10_000 })
    .toEqual(['io-0', 'io-1', 'shard-0', 'shard-1']);
  expect(new Set(serving().map(({ nice }) => nice))).toEqual(new Set([getPriority()]));
  // And so do those that sync the log.
  expect(threads().filter(({ nice }) => nice === 10)).toHaveLength(5);
});
