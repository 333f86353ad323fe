/**
 * A real server in a process of its own, started from dist by the command line. It takes a free port
 * and keeps nothing on disk unless told otherwise. Stop it in afterAll or afterEach; it is killed if
 * it does not stop.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { cleanEnvironment, MAIN } from './command-line.js';

const START_MS_MAX = 20_000;
const STOP_MS_MAX = 20_000;
const READY = /^sojourn ready (\S+)\n/m;

export interface ServerProcess {
  readonly url: string;
  readonly process: ChildProcess;
  /** What it has written so far. */
  readonly output: { readonly stdout: string; readonly stderr: string };
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Sends SIGTERM and waits for the end: the exit code, -1 if it had to be killed. */
  stop(): Promise<number>;
}

/** What `sojourn serve` gets beside the flags, so that no test writes into the tree. */
export function serveArguments(flags: readonly string[]): string[] {
  const has = (name: string): boolean =>
    flags.some((flag) => flag === name || flag.startsWith(`${name}=`));
  const port = has('--port') ? [] : ['--port', '0'];
  const storage = has('--data-dir') || has('--memory') ? [] : ['--memory'];
  return ['serve', ...port, ...storage, ...flags];
}

export async function startServer(flags: readonly string[] = []): Promise<ServerProcess> {
  const args = [MAIN, ...serveArguments(flags)];
  const child = spawn(process.execPath, args, {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdout.setEncoding('utf8');
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? ''));
  });

  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${why}\n${output.stderr}`));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`no ready line within ${START_MS_MAX} ms`);
    }, START_MS_MAX);
    child.stdout.on('data', (text: string) => {
      output.stdout += text;
      const match = READY.exec(output.stdout);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match[1]!);
    });
    void ended.then((end) => {
      clearTimeout(timer);
      fail(`the server ended with ${end} before it was ready`);
    });
  });

  const stop = async (): Promise<number> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    const end = await ended;
    clearTimeout(timer);
    return typeof end === 'number' ? end : -1;
  };
  return { url, process: child, output, ended, stop };
}
