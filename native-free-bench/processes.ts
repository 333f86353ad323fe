/**
 * Child processes of the bench: started, waited for by the line they print when ready, stopped in
 * any case. Only what was started here is ever signalled.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const READY_MS_MAX = 30_000;
const READY_POLL_MS = 10;
const STOP_MS_MAX = 15_000;
const OUTPUT_KEPT = 4_000;

export interface StartOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The line of standard output that says the server listens; its first group is the port. */
  readonly readyLine?: RegExp;
  /** Of a server that prints no such line: it is ready when it accepts connections there. */
  readonly readyPort?: number;
}

export interface RunningServer {
  readonly pid: number;
  /** The first group of readyLine; NaN if it has none. */
  readonly port: number;
  /** What it has written lately, to standard output and standard error. */
  output(): string;
  /** By SIGTERM, unless told otherwise. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const children = new Set<ChildProcess>();
/** Those that end because they were told to. */
const stopping = new WeakSet<ChildProcess>();
let isStopping = false;

export async function startServer(options: StartOptions): Promise<RunningServer> {
  const child = spawn(options.command, options.args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let output = '';
  let errors = '';
  let isReady = false;
  child.stderr.on('data', (bytes: Buffer) => {
    errors = (errors + bytes.toString()).slice(-OUTPUT_KEPT);
  });
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      clearTimeout(timer);
      reject(new Error(`${options.name}: ${reason}\n${output}${errors}`.trimEnd()));
    };
    const timer = setTimeout(() => {
      fail(`not ready after ${READY_MS_MAX / 1_000} s`);
    }, READY_MS_MAX);
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code, signal) => {
      children.delete(child);
      if (isReady && !isStopping && !stopping.has(child))
        console.error(`${options.name} ended: ${code ?? signal}\n${errors}`);
      fail(`ended before it was ready: ${code ?? signal}`);
    });
    const succeed = (port: number): void => {
      clearTimeout(timer);
      isReady = true;
      resolve({
        pid: child.pid!,
        port,
        output: () => output + errors,
        stop: (signal) => stopChild(child, signal),
      });
    };
    child.stdout.on('data', (bytes: Buffer) => {
      output = (output + bytes.toString()).slice(-OUTPUT_KEPT);
      const ready = options.readyLine?.exec(output);
      if (ready !== null && ready !== undefined) succeed(Number(ready[1]));
    });
    const { readyPort } = options;
    if (readyPort !== undefined) {
      child.on('spawn', () => {
        void isAcceptingSoon(child, readyPort).then((isReady) => {
          if (isReady) succeed(readyPort);
        });
      });
    }
  });
}

/** True once something accepts connections there; false when the child ends before. */
async function isAcceptingSoon(child: ChildProcess, port: number): Promise<boolean> {
  while (children.has(child)) {
    if (await isAccepting(port)) return true;
    await delay(READY_POLL_MS);
  }
  return false;
}

function isAccepting(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Starts a script of this folder with a message channel. */
export function startScript(script: URL, args: readonly string[] = []): ChildProcess {
  const child = fork(script, args, { execArgv: [] });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

export interface RunResult {
  readonly code: number | null;
  readonly standardOutput: string;
}

/** Runs a command to its end. What it says to standard error is passed on. */
export function runToEnd(command: string, args: readonly string[]): Promise<RunResult> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => chunks.push(bytes));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => children.delete(child));
    // Not before its standard output has ended, too.
    child.on('close', (code) =>
      resolve({ code, standardOutput: Buffer.concat(chunks).toString() }),
    );
  });
}

/** Ends all that runs, politely at first, and waits for it. */
export async function stopAll(): Promise<void> {
  isStopping = true;
  await Promise.all([...children].map((child) => stopChild(child)));
}

export function stopChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  stopping.add(child);
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill(signal);
  });
}

/** For the last moment of the bench's own life, when nothing can be waited for. */
export function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}
