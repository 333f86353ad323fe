/** Numbers of the messages on their way, first in, first out, kept as runs. */
export class MessageQueue {
  readonly #runs: { next: number; readonly end: number }[] = [];

  /** Messages [from, end). */
  add(from: number, end: number): void {
    this.#runs.push({ next: from, end });
  }

  /** The one that was added first. */
  take(): number {
    const run = this.#runs[0];
    if (run === undefined) throw new Error('a reply to a message that was not sent');
    const message = run.next;
    run.next += 1;
    if (run.next === run.end) this.#runs.shift();
    return message;
  }
}
