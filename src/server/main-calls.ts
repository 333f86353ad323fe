/**
 * Answers the commands that I/O threads hand to main (config/main-call.ts). Whatever happens, every
 * call gets an answer: its caller waits for one.
 */
import type { MainAnswer, MainCall, MainCallAnswered, MainRequest } from '../config/main-call.js';
import type { IoThreadReport } from '../config/thread-plan.js';
import { STATUSES } from '../core/statuses.js';

/** An I/O thread, as far as it is needed here. */
export interface CallingThread {
  order(message: MainCallAnswered): void;
  onReport(listener: (message: unknown) => void): void;
}

export interface MainCallHandlers {
  /** SV_SNAPSHOT; undefined without a data directory. */
  readonly snapshot: (() => Promise<MainAnswer>) | undefined;
  /** Saves and loads; undefined without a data directory. */
  readonly saves: { answer(request: SaveOrLoad): Promise<MainAnswer> } | undefined;
  /** Our mistake: a handler has failed in a way that it should have turned into an answer. */
  readonly onError: (request: MainRequest, error: unknown) => void;
}

export type SaveOrLoad = Exclude<MainRequest, { readonly command: 'SV_SNAPSHOT' }>;

/** Once, after the threads are made. */
export function serveMainCalls(
  threads: readonly CallingThread[],
  handlers: MainCallHandlers,
): void {
  for (const thread of threads) {
    thread.onReport((message) => {
      const report = message as IoThreadReport;
      if (report.type === 'call') void serve(thread, report, handlers);
    });
  }
}

async function serve(
  thread: CallingThread,
  { call, request }: MainCall,
  handlers: MainCallHandlers,
): Promise<void> {
  let answer: MainAnswer;
  try {
    answer = await answerTo(request, handlers);
  } catch (error) {
    handlers.onError(request, error);
    answer = { status: STATUSES.INTERNAL.code, body: {} };
  }
  thread.order({ type: 'answer', call, answer });
}

async function answerTo(request: MainRequest, handlers: MainCallHandlers): Promise<MainAnswer> {
  const { saves, snapshot } = handlers;
  if (request.command === 'SV_SNAPSHOT') {
    return snapshot === undefined ? withoutDirectory(STATUSES.DISABLED.code) : await snapshot();
  }
  if (saves !== undefined) return await saves.answer(request);
  const isLoad = request.command === 'SH_LOAD' || request.command === 'KV_LOAD';
  const status = isLoad ? STATUSES.LOAD_FAILED.code : STATUSES.DISABLED.code;
  return withoutDirectory(status, request.name);
}

function withoutDirectory(status: number, name?: string): MainAnswer {
  const m = 'the server keeps no data directory (--memory)';
  return { status, body: name === undefined ? { m } : { name, m } };
}
