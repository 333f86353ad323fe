/**
 * Entry point of the process that watches one core (core-watch.ts). Arguments: the core, and for how many
 * seconds. Sends what it has seen when the time is up, and nothing if it may not watch.
 */
import { spawnSync } from 'node:child_process';

/** A core that was away for so long. */
export interface CoreGap {
  readonly core: number;
  /** When it was back, milliseconds since 1970. */
  readonly endMs: number;
  readonly gapMs: number;
}

const WAKE_MS = 1;
/** Shorter ones are wake-ups that took their time. */
const GAP_MS_MIN = 1;

const nowMs = (): number => performance.timeOrigin + performance.now();

function watch(core: number, seconds: number): readonly CoreGap[] {
  const word = new Int32Array(new SharedArrayBuffer(4));
  const gaps: CoreGap[] = [];
  const untilMs = nowMs() + seconds * 1_000;
  for (let lastMs = nowMs(); lastMs < untilMs;) {
    Atomics.wait(word, 0, 0, WAKE_MS);
    const endMs = nowMs();
    const gapMs = endMs - lastMs - WAKE_MS;
    if (gapMs >= GAP_MS_MIN) gaps.push({ core, endMs, gapMs });
    lastMs = endMs;
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
