/**
 * The way to main and back, for commands that main answers (saves, loads, snapshots). A call is a
 * message with a number; main's answer repeats it. Here each call's caller waits under that number.
 *
 * A call counts as in flight on its thread, so that a drain waits for it, but not on its connection:
 * it may take minutes, and refusals (held-refusals.ts) wait for all that is in flight there. Text
 * replies keep their order in the lane. If the connection goes meanwhile, the work is done all the
 * same and the answer is dropped.
 */
import type { MainAnswer, MainCall, MainCallAnswered, MainRequest } from '../config/main-call.js';
import type { NativeWriter } from '../protocol/native-writer.js';
import type { Caller } from './fan-out.js';

/** Calls of one I/O thread under way at most; main itself lets fewer than that wait. */
export const MAIN_CALLS_MAX = 64;
/** Of the line for people. */
const REASON_CHARACTERS_MAX = 500;

export class MainRoad {
  readonly #post: (call: MainCall) => void;
  readonly #callers = new Map<number, Caller>();
  #lastCall = 0;

  constructor(post: (call: MainCall) => void) {
    this.#post = post;
  }

  get isFull(): boolean {
    return this.#callers.size >= MAIN_CALLS_MAX;
  }

  send(caller: Caller, request: MainRequest): void {
    this.#lastCall += 1;
    this.#callers.set(this.#lastCall, caller);
    this.#post({ type: 'call', call: this.#lastCall, request });
  }

  /** Takes an answer: whom it is for; undefined if nobody waits for it. */
  take({ call }: MainCallAnswered): Caller | undefined {
    const caller = this.#callers.get(call);
    this.#callers.delete(call);
    return caller;
  }
}

/** Writes main's answer as a native reply. */
export function writeAnswer(writer: NativeWriter, id: number, answer: MainAnswer): void {
  const members = Object.entries(answer.body);
  writer.beginReply(id, answer.status);
  if (members.length === 0) writer.nil();
  else {
    writer.mapHead(members.length);
    for (const [name, value] of members) {
      writer.text(name);
      if (typeof value === 'number') writer.uint(value);
      else writer.text(asciiOf(value));
    }
  }
  writer.endReply();
}

/** Reasons of the operating system may hold paths, and paths anything. */
function asciiOf(text: string): string {
  return text.slice(0, REASON_CHARACTERS_MAX).replace(/[^\x20-\x7e]/g, '?');
}
