/**
 * Entry point of the process that watches one core (core-watch.ts). Arguments: the core, and for how many
 * seconds. Sends what it has seen when the time is up, and nothing if it may not watch.
 */
import { spawnSync } from 'node:child_process';
import { type Gap, GAP_MS_MIN, watchKernelThreads } from './kernel-threads.js';

const WAKE_MS = 1;

const nowMs = (): number => performance.timeOrigin + performance.now();

function watch(core: number, seconds: number): readonly Gap[] {
  // One of the cores' watchers is enough for those.
  const kernelThreads = core === 0 ? watchKernelThreads() : [];
  const word = new Int32Array(new SharedArrayBuffer(4));
  const gaps: Gap[] = [];
  const untilMs = nowMs() + seconds * 1_000;
  for (let lastMs = nowMs(); lastMs < untilMs;) {
    Atomics.wait(word, 0, 0, WAKE_MS);
    const endMs = nowMs();
    const gapMs = endMs - lastMs - WAKE_MS;
    if (gapMs >= GAP_MS_MIN) gaps.push({ by: `core ${core}`, endMs, gapMs });
    for (const thread of kernelThreads) {
      const run = thread.look(endMs);
      if (run !== undefined) gaps.push(run);
    }
    lastMs = nowMs();
  }
  return gaps;
}

/** Of this thread alone: those of V8 stay as they are. */
function set(command: string, ...options: readonly string[]): boolean {
  return spawnSync(command, [...options, `${process.pid}`], { stdio: 'ignore' }).status === 0;
}

const [core, seconds] = process.argv.slice(2).map(Number) as [number, number];
if (set('taskset', '--cpu-list', '--pid', `${core}`) && set('chrt', '--fifo', '--pid', '1')) {
  const gaps = watch(core, seconds);
  // What an end of a process costs is no gap of the machine's.
  set('chrt', '--other', '--pid', '0');
  process.send!(gaps);
}
process.disconnect();
