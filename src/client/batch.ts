/** Takes the commands of a batch down, and hands the replies to those who wait for them. */
import type { BodyOf, CommandName } from '../protocol/catalogue.js';
import type { BatchCommand, BatchReply } from '../protocol/value-types.js';
import type { Body } from './body-writer.js';
import type { CommandPlan, Convert } from './command-plan.js';
import type { CommandSink } from './command-sink.js';
import type { CurrentToken } from './current-token.js';
import { MalformedReplyError } from './errors.js';
import type { AnyConvert } from './in-flight.js';

interface Step {
  readonly plan: CommandPlan;
  readonly body: Body;
  readonly convert: AnyConvert;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

const nothing = (): void => undefined;

export class BatchRecorder implements CommandSink {
  readonly #steps: Step[] = [];
  #isSent = false;
  #problem: TypeError | undefined;

  submit<Row extends CommandName, Result>(
    plan: CommandPlan<Row>,
    _token: CurrentToken | undefined,
    body: BodyOf<Row>,
    convert: Convert<Row, Result>,
  ): Promise<Result> {
    const promise = new Promise<Result>((resolve, reject) => {
      if (this.#isSent) throw new TypeError('the batch has been sent already');
      if (plan.row === 'SH_BATCH') {
        this.#problem = new TypeError('a batch cannot hold a batch');
        throw this.#problem;
      }
      this.#steps.push({
        plan,
        body: body as Body,
        convert: convert as unknown as AnyConvert,
        resolve: resolve as (result: unknown) => void,
        reject,
      });
    });
    // Who does not look at a step is told of the failure by the batch as a whole.
    promise.catch(nothing);
    return promise;
  }

  /** All commands so far; takes no more. Throws if there was one that it could not take. */
  close(): readonly BatchCommand[] {
    this.#isSent = true;
    if (this.#problem !== undefined) throw this.#problem;
    return this.#steps.map(({ plan, body }) => [plan.row, body]);
  }

  /** Throws where a reply lacks what its command should give. */
  answer(replies: readonly BatchReply[]): void {
    if (!Array.isArray(replies) || replies.length !== this.#steps.length) {
      throw new MalformedReplyError('a batch has not as many replies as commands');
    }
    const results = this.#steps.map(({ convert, body }, at) =>
      convert((replies[at]?.[1] ?? {}) as never, body as never),
    );
    for (const [at, step] of this.#steps.entries()) step.resolve(results[at]);
  }

  fail(error: Error): void {
    for (const step of this.#steps) step.reject(error);
  }
}
