/**
 * One worker thread under supervision. It may end only after stopping() was called; any other end is
 * a failure, reported with the reason. Threads are never restarted: what a thread held in its head
 * when it died is not known.
 */
import { Worker, type MessagePort } from 'node:worker_threads';
import type { IoThreadPlan, ShardPlan } from '../config/thread-plan.js';

/**
 * Young generation of a thread's heap. Sessions live outside the heap; what is made per frame dies
 * young, and a small nursery stays in the cache and is quick to scavenge.
 */
export const YOUNG_GENERATION_MB = 8;

/** A thread broke or ended unasked: our mistake, told to the operator in one line. */
export class ThreadDeath extends Error {
  override readonly name = 'ThreadDeath';
}

export class ServerThread {
  readonly name: string;
  readonly #worker: Worker;
  readonly #end: Promise<void>;
  #isStopping = false;

  /** @param onFailure called if the thread ends unasked; the first reason is the true one. */
  constructor(plan: IoThreadPlan | ShardPlan, onFailure: (death: ThreadDeath) => void) {
    this.name = `${plan.kind}-${plan.index}`;
    // The same relative path in the source tree and in dist.
    this.#worker = new Worker(new URL(`../../workers/${plan.kind}.js`, import.meta.url), {
      name: this.name,
      workerData: plan,
      transferList: portsOf(plan),
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      // Main syncs and closes the files that a shard has opened, also after the shard's end.
      trackUnmanagedFds: false,
    });
    const fail = (reason: string): void => {
      onFailure(new ThreadDeath(`thread ${this.name} died: ${reason}`));
    };
    this.#worker.on('error', (error: unknown) => {
      fail(error instanceof Error ? error.message : String(error));
    });
    this.#end = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        if (!this.#isStopping) fail(`it ended unexpectedly with code ${code}`);
        resolve();
      });
    });
  }

  order(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  onReport(listener: (message: unknown) => void): void {
    this.#worker.on('message', listener);
  }

  /** From here on the thread may end. */
  stopping(): void {
    this.#isStopping = true;
  }

  /** Resolves once the thread has ended: by itself within graceMs, else by force. */
  async ended(graceMs: number): Promise<void> {
    this.stopping();
    const timer = setTimeout(() => void this.#worker.terminate(), graceMs);
    await this.#end;
    clearTimeout(timer);
  }
}

function portsOf(plan: IoThreadPlan | ShardPlan): MessagePort[] {
  const ports = plan.links.map((link) => link.port);
  if (plan.kind === 'io') ports.push(...(plan.borrowing ?? []).map(({ port }) => port));
  else ports.push(...(plan.lending?.ports ?? []));
  return ports;
}
