import { describe, expect, test } from 'vitest';
import type { MainAnswer, MainCallAnswered, MainRequest } from '../../../src/config/main-call.js';
import {
  serveMainCalls,
  type CallingThread,
  type MainCallHandlers,
} from '../../../src/server/main-calls.js';

class FakeThread implements CallingThread {
  readonly answers: MainCallAnswered[] = [];
  #listener: (message: unknown) => void = () => undefined;

  order(message: MainCallAnswered): void {
    this.answers.push(message);
  }
  onReport(listener: (message: unknown) => void): void {
    this.#listener = listener;
  }
  report(message: unknown): void {
    this.#listener(message);
  }
  call(call: number, request: MainRequest): void {
    this.report({ type: 'call', call, request });
  }
}

const SAVED: MainAnswer = { status: 121, body: { name: 'a', duration: 1 } };
const SNAPSHOT: MainAnswer = { status: 1, body: { sessions: 1 } };
const LOAD = { command: 'SH_LOAD', name: 'a' } as const;

function serve(handlers: Partial<MainCallHandlers> = {}): {
  thread: FakeThread;
  errors: unknown[];
} {
  const thread = new FakeThread();
  const errors: unknown[] = [];
  serveMainCalls([new FakeThread(), thread], {
    snapshot: () => Promise.resolve(SNAPSHOT),
    saves: { answer: () => Promise.resolve(SAVED) },
    onError: (request, error) => errors.push([request, error]),
    ...handlers,
  });
  return { thread, errors };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('serveMainCalls', () => {
  test('gives each call to its handler and the answer to the thread it came from', async () => {
    const { thread } = serve();
    thread.report({ type: 'drained' });
    thread.call(7, { command: 'SV_SNAPSHOT' });
    thread.call(8, LOAD);
    await settled();
    expect(thread.answers).toEqual([
      { type: 'answer', call: 7, answer: SNAPSHOT },
      { type: 'answer', call: 8, answer: SAVED },
    ]);
  });

  test('answers 1000 where a handler fails, and tells', async () => {
    const error = new Error('ours');
    const { thread, errors } = serve({ saves: { answer: () => Promise.reject(error) } });
    thread.call(7, LOAD);
    await settled();
    expect(thread.answers).toEqual([
      { type: 'answer', call: 7, answer: { status: 1000, body: {} } },
    ]);
    expect(errors).toEqual([[LOAD, error]]);
  });

  test.each([
    [{ command: 'SV_SNAPSHOT' } as const, 14, {}],
    [{ command: 'KV_SAVE', name: 'a' } as const, 14, { name: 'a' }],
    [{ command: 'SH_SAVE', name: 'a', digests: undefined } as const, 14, { name: 'a' }],
    [{ command: 'KV_LOAD', name: 'a' } as const, 142, { name: 'a' }],
    [LOAD, 142, { name: 'a' }],
  ])('without a data directory %j is %i', async (request, status, body) => {
    const { thread } = serve({ snapshot: undefined, saves: undefined });
    thread.call(7, request);
    await settled();
    const answer = { status, body: { ...body, m: expect.stringContaining('--memory') as string } };
    expect(thread.answers).toEqual([{ type: 'answer', call: 7, answer }]);
  });
});
