/**
 * What tells one process from another: asked of the system, not of the data directory, so it goes
 * past Files. Where there is no /proc, a process is known by its number and its host's name alone.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Who holds a lock, or asks for it. */
export interface ProcessId {
  readonly pid: number;
  /** In clock ticks since the machine's start; tells processes of one number apart. */
  readonly startTime: string;
  readonly bootId: string;
  /** Numbers mean processes within one namespace only: containers have their own. */
  readonly pidNamespace: string;
  readonly host: string;
}

export interface HostFacts {
  readonly self: ProcessId;
  /** Of a process of this namespace: undefined if there is none; '' if it is not told. */
  startTimeOf(pid: number): string | undefined;
}

const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

export function readHostFacts(): HostFacts {
  return {
    self: {
      pid: process.pid,
      startTime: startTimeOf(process.pid) ?? '',
      bootId: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()) ?? '',
      pidNamespace: attempt(() => readlinkSync('/proc/self/ns/pid')) ?? '',
      host: hostname(),
    },
    startTimeOf,
  };
}

function startTimeOf(pid: number): string | undefined {
  if (!isAlive(pid)) return undefined;
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (text === undefined) return '';
  // The name of the program stands second, in brackets, and may hold brackets and spaces itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[STATE_FIELD];
  // Ended, but its parent has not asked how: it holds nothing any more.
  if (state === 'Z' || state === 'X') return undefined;
  return fields[START_TIME_FIELD] ?? '';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { readonly code?: string }).code === 'EPERM';
  }
}

function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
