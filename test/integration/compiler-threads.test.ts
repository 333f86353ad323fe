/** The engine's own threads yield to those that serve. */
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { startServer } from '../support/server-process.js';

/** Of each thread of a process: its name, and its priority as nice(1) says it. */
function threadsOf(pid: number): readonly { readonly name: string; readonly nice: number }[] {
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
  const threads = threadsOf(server.process.pid!);
  await server.stop();
  const serving = threads.filter(({ name }) => /^(io|shard)-\d$/.test(name));
  expect(serving.map(({ name }) => name).sort()).toEqual(['io-0', 'io-1', 'shard-0', 'shard-1']);
  expect(new Set(serving.map(({ nice }) => nice))).toEqual(new Set([getPriority()]));
  // And so do those that sync the log.
  expect(threads.filter(({ nice }) => nice === 10)).toHaveLength(5);
});
