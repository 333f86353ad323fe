/**
 * A server process that is there to be killed: at any moment, also before it is ready. It keeps the
 * last lines it wrote, for the report of a failure.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cleanEnvironment, MAIN } from './command-line.js';

const READY_MS_MAX = 30_000;
const OUTPUT_KEPT = 6_000;
/** Of pino's levels. */
const WARNING = 40;
const READY = /^sojourn ready (\S+)\n/m;

export class CrashServer {
  /** The URL; rejects if the process ends before it is ready. */
  readonly ready: Promise<string>;
  /** Resolves with the exit code or the signal. */
  readonly ended: Promise<number | string>;
  output = '';
  /** What it said it did: a test that never sees a snapshot or a torn tail proves little. */
  readonly told = { snapshots: 0, tornTails: 0, conversions: 0, failures: 0 };
  readonly #child: ChildProcess;

  constructor(flags: readonly string[]) {
    const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', ...flags], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => resolve(code ?? signal ?? ''));
    });
    const keep = (text: string): void => {
      this.output = (this.output + text).slice(-OUTPUT_KEPT);
    };
    child.stderr!.setEncoding('utf8').on('data', keep);
    createInterface(child.stderr!).on('line', (line) => this.#count(line));
    child.stdout!.setEncoding('utf8').on('data', keep);
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`not ready after ${READY_MS_MAX} ms\n${this.output}`));
      }, READY_MS_MAX);
      child.stdout!.on('data', () => {
        const match = READY.exec(this.output);
        if (match !== null) resolve(match[1]!);
      });
      void this.ended.then((end) => {
        clearTimeout(timer);
        reject(new Error(`the server ended with ${end}\n${this.output}`));
      });
    });
    this.ready.catch(() => undefined);
  }

  #count(line: string): void {
    const { msg, level } = messageOf(line);
    if (msg === 'snapshot') this.told.snapshots += 1;
    if (msg.includes('cut off')) this.told.tornTails += 1;
    if (msg.startsWith('taken over')) this.told.conversions += 1;
    if (level >= WARNING && !msg.includes('cut off')) this.told.failures += 1;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** The exit code. */
  async stop(): Promise<number | string> {
    this.#child.kill('SIGTERM');
    return await this.ended;
  }
}

/** A line of pino's. The last one before a kill may be cut short. */
function messageOf(line: string): { readonly msg: string; readonly level: number } {
  try {
    return { msg: '', level: 0, ...(JSON.parse(line) as object) };
  } catch {
    return { msg: line, level: 0 };
  }
}

/** What of a data directory can be seen to change, from outside. */
export type FileEvent = 'manifest' | 'snapshot' | 'segment' | 'lock';

/** Resolves at the next change of that kind in a data directory. Close it in any case. */
export class FileEvents {
  readonly seen: Promise<void>;
  readonly #watchers: FSWatcher[] = [];

  constructor(directory: string, event: FileEvent) {
    const folder = { manifest: '', lock: '', snapshot: 'snapshots', segment: 'log' }[event];
    const path = join(directory, folder);
    mkdirSync(path, { recursive: true });
    const pattern = { manifest: /^manifest/, lock: /^LOCK/, snapshot: /snap/, segment: /log/ }[
      event
    ];
    this.seen = new Promise((resolve) => {
      // A change of a file's bytes is no event here: names come, go and are renamed.
      const watcher = watch(path, (kind, name) => {
        if (kind === 'rename' && name !== null && pattern.test(name)) resolve();
      });
      watcher.on('error', () => undefined);
      this.#watchers.push(watcher);
    });
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}
