/**
 * The pizza tracker of docs/examples: its server, the module that follows an order with the SDK, and
 * the page as it is, in a real browser where the machine has one (`apt-get install chromium`).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserPath, startBrowser, type BrowserPage } from '../support/browser.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

const FOLDER = resolve(import.meta.dirname, '../../docs/examples/pizza-tracker');
/** Forty seconds from the order to the door take two. */
const SPEED = '20';
const STEPS = ['ordered', 'in the oven', 'on its way', 'delivered'];
const PAGE_MS_MAX = 30_000;

interface Order {
  readonly status: string;
  readonly minutes: number;
  readonly rider?: { readonly x: number; readonly y: number };
  readonly log: readonly string[];
}

interface Tracker {
  readonly address: string;
  stop(): Promise<number | null>;
}

async function startTracker(...args: string[]): Promise<Tracker> {
  const flags = ['--port', '0', '--speed', SPEED];
  const program = [resolve(FOLDER, 'server.mjs'), ...args, ...flags];
  const child: ChildProcess = spawn(process.execPath, program, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((done) => child.once('close', done));
  const address = await new Promise<string>((found, failed) => {
    child.stdout!.on('data', (text: Buffer) => {
      const match = /^pizza tracker at (\S+)$/m.exec(String(text));
      if (match !== null) found(match[1]!);
    });
    void ended.then(() => failed(new Error('the tracker ended')));
  });
  const stop = (): Promise<number | null> => {
    child.kill('SIGTERM');
    return ended;
  };
  return { address, stop };
}

let server: ServerProcess;
let tracker: Tracker;

beforeAll(async () => {
  server = await startServer(['--memory', '--shards', '2']);
  tracker = await startTracker(server.url);
});

afterAll(async () => {
  expect(await tracker.stop()).toBe(0);
  expect(await server.stop()).toBe(0);
});

async function newOrder(): Promise<{ readonly url: string; readonly token: string }> {
  const response = await fetch(new URL('/orders', tracker.address), { method: 'POST' });
  expect(response.status).toBe(201);
  return (await response.json()) as { url: string; token: string };
}

/** The module that the page uses, here on the SDK for Node. */
async function ordersOf(url: string, token: string): Promise<Order[]> {
  const module = (await import(pathToFileURL(resolve(FOLDER, 'page/tracker.mjs')).href)) as {
    track(url: string, token: string): AsyncIterable<Order>;
  };
  const orders: Order[] = [];
  for await (const order of module.track(url, token)) orders.push(order);
  return orders;
}

describe('the server of the pizza tracker', () => {
  test.each(['/', '/page.mjs', '/style.css', '/sdk/client/index.js', '/msgpackr/index.js'])(
    'serves %s',
    async (path) => {
      const response = await fetch(new URL(path, tracker.address));
      expect(response.status).toBe(200);
      expect((await response.text()).length).toBeGreaterThan(100);
    },
  );

  test.each(['/server.mjs', '/nowhere.mjs', '/%2e%2e/server.mjs', '/..%2fserver.mjs', '/orders'])(
    'serves nothing at %s',
    async (path) => {
      expect((await fetch(new URL(path, tracker.address))).status).toBe(404);
    },
  );

  test('starts a Sojourn of its own where it is given none', async () => {
    const alone = await startTracker();
    const response = await fetch(new URL('/orders', alone.address), { method: 'POST' });
    const { url } = (await response.json()) as { url: string };
    expect(url).toMatch(/^ws:/);
    expect(url).not.toBe(server.url);
    expect(await alone.stop()).toBe(0);
  });
});

describe('the page of the pizza tracker', () => {
  test('is told every step and every move of the rider, and that the order is over', async () => {
    const { url, token } = await newOrder();
    const orders = await ordersOf(url, token);
    const statuses = [...new Set(orders.map(({ status }) => status))];
    // The first of them may be over before the watch begins.
    expect(statuses).toEqual(STEPS.slice(-statuses.length));
    expect(statuses).toContain('on its way');
    expect(orders.at(-1)).toMatchObject({ minutes: 0, log: STEPS });
    const places = new Set(orders.map(({ rider }) => JSON.stringify(rider)));
    expect(places.size).toBeGreaterThan(20);
  });

  test('says of an order that is over that it is', async () => {
    const { url, token } = await newOrder();
    await ordersOf(url, token);
    expect(await ordersOf(url, token)).toEqual([]);
  });

  const path = browserPath();
  if (path === undefined) console.log('no Chromium on this machine: the page itself is not tested');

  test.skipIf(path === undefined)('shows it all in a browser', async () => {
    const browser = await startBrowser(path!);
    try {
      const page = await browser.open(tracker.address);
      const seen = await whatIsShown(page, 'Order another one');
      expect(page.problems).toEqual([]);
      expect([...new Set(seen.map(({ headline }) => headline))]).toEqual(
        expect.arrayContaining(['On its way', 'At your door']),
      );
      const ridden = seen.map((each) => Number(each.ridden)).filter((share) => share > 0);
      expect(new Set(ridden).size).toBeGreaterThan(5);
      expect(ridden).toEqual([...ridden].sort((a, b) => a - b));
      expect(seen.at(-1)).toMatchObject({ live: 'the order is closed', minutes: '0' });
    } finally {
      await browser.stop();
    }
  });
});

interface Shown {
  readonly headline: string;
  readonly minutes: string;
  readonly live: string;
  readonly ridden: string;
  readonly button: string;
}

const LOOK = `({
  headline: document.querySelector('h1')?.textContent,
  minutes: document.querySelector('#minutes')?.textContent,
  live: document.querySelector('#live')?.textContent,
  ridden: parseFloat(document.querySelector('#rider')?.style.offsetDistance || '0'),
  button: document.querySelector('button:not([hidden])')?.textContent ?? '',
})`;

/** Looks at the page again and again until it offers a button. */
async function whatIsShown(page: BrowserPage, button: string): Promise<Shown[]> {
  const seen: Shown[] = [];
  const startMs = performance.now();
  while (seen.at(-1)?.button !== button) {
    if (performance.now() - startMs > PAGE_MS_MAX) {
      throw new Error(`the page stands at ${JSON.stringify(seen.at(-1))}`);
    }
    seen.push((await page.evaluate(LOOK)) as Shown);
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 20))');
  }
  return seen;
}
