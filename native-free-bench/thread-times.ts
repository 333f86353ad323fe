/** CPU time of each thread of a process, from /proc. Empty where there is no /proc. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ThreadTime {
  readonly tid: number;
  readonly name: string;
  readonly cpuUs: number;
}

/** Linux counts in ticks of 10 ms in stat, whatever the kernel's own tick. */
const TICK_US = 10_000;

export function threadTimes(pid: number): readonly ThreadTime[] {
  const folder = `/proc/${pid}/task`;
  const times: ThreadTime[] = [];
  for (const entry of entriesOf(folder)) {
    const name = textOf(`${folder}/${entry}/comm`);
    const cpuUs = cpuUsOf(`${folder}/${entry}`);
    // A thread may end between the listing and the reading.
    if (name === undefined || cpuUs === undefined) continue;
    times.push({ tid: Number(entry), name: name.trim(), cpuUs });
  }
  return times;
}

/** What each thread used between two readings; threads that began or ended between are left out. */
export function threadTimesBetween(
  before: readonly ThreadTime[],
  after: readonly ThreadTime[],
): readonly ThreadTime[] {
  const usedBefore = new Map(before.map((thread) => [thread.tid, thread.cpuUs]));
  return after.flatMap((thread) => {
    const from = usedBefore.get(thread.tid);
    return from === undefined ? [] : [{ ...thread, cpuUs: thread.cpuUs - from }];
  });
}

/** `io-1` is of kind `io`: threads that do the same are told apart by a number. */
export function kindOfThread(name: string): string {
  return name.replace(/-\d+$/, '');
}

function cpuUsOf(folder: string): number | undefined {
  // schedstat counts nanoseconds, where the kernel keeps it.
  const schedstat = textOf(`${folder}/schedstat`);
  if (schedstat !== undefined) return Number(schedstat.split(' ')[0]) / 1_000;
  const stat = textOf(`${folder}/stat`);
  return stat === undefined ? undefined : cpuUsFromStat(stat);
}

/** User and system time are fields 14 and 15; the name before them may hold spaces. */
export function cpuUsFromStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Resident memory of the process in bytes, shared memory included; 0 where there is no /proc. */
export function residentBytes(pid: number): number {
  const status = textOf(`/proc/${pid}/status`) ?? '';
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
