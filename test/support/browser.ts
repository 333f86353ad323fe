/**
 * A real browser for tests: the machine's own Chromium, without a window, spoken to in its DevTools
 * protocol (JSON over a WebSocket). Debian's package `chromium` is enough; nothing is downloaded.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { WebSocket } from 'ws';
import { temporaryFolder } from './temporary-folder.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const START_MS_MAX = 30_000;

/** Where the browser is; undefined if the machine has none. */
export function browserPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => existsSync(path));
}

export interface BrowserPage {
  /** The value of an expression, or of the promise that it gives. */
  evaluate(expression: string): Promise<unknown>;
  /** Errors that no script caught, so far. */
  readonly problems: readonly string[];
}

export interface Browser {
  open(url: string): Promise<BrowserPage>;
  stop(): Promise<void>;
}

interface Reply {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: { readonly exceptionDetails?: { readonly text?: string } };
  readonly result?: { readonly [name: string]: unknown };
  readonly error?: { readonly message: string };
}

export async function startBrowser(path: string): Promise<Browser> {
  const flags = [
    ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    ...['--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${temporaryFolder()}`],
  ];
  const child = spawn(path, [...flags, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const address = await new Promise<string>((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`no browser:\n${output}`)), START_MS_MAX);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const match = /DevTools listening on (ws:\S+)/.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match[1]!);
    });
  });
  const devTools = await DevTools.connect(address);
  return {
    open: (url) => devTools.open(url),
    stop: async () => {
      devTools.close();
      child.kill();
      await ended;
    },
  };
}

class DevTools {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #problems = new Map<string, string[]>();
  #nextId = 1;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (text: Buffer) => {
      const reply = JSON.parse(text.toString()) as Reply;
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply);
      if (reply.method !== 'Runtime.exceptionThrown') return;
      const problem = JSON.stringify(reply.params?.exceptionDetails);
      this.#problems.get(reply.sessionId ?? '')?.push(problem);
    });
  }

  static async connect(address: string): Promise<DevTools> {
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new DevTools(socket);
  }

  async open(url: string): Promise<BrowserPage> {
    const target = await this.#send('Target.createTarget', { url: 'about:blank' });
    const attached = await this.#send('Target.attachToTarget', {
      targetId: target['targetId'],
      flatten: true,
    });
    const sessionId = attached['sessionId'] as string;
    const problems: string[] = [];
    this.#problems.set(sessionId, problems);
    await this.#send('Runtime.enable', {}, sessionId);
    await this.#send('Page.navigate', { url }, sessionId);
    const evaluate = async (expression: string): Promise<unknown> => {
      const parameters = { expression, awaitPromise: true, returnByValue: true };
      const { result } = await this.#send('Runtime.evaluate', parameters, sessionId);
      return (result as { readonly value?: unknown }).value;
    };
    return { evaluate, problems };
  }

  close(): void {
    this.#socket.terminate();
  }

  #send(
    method: string,
    params: object,
    sessionId?: string,
  ): Promise<{ readonly [name: string]: unknown }> {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
  }
}
