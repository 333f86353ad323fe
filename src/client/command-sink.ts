/** Where commands go: to the server, or into a batch that goes there as one. */
import type { BodyOf, CommandName } from '../protocol/catalogue.js';
import type { CommandPlan, Convert } from './command-plan.js';
import type { CurrentToken } from './current-token.js';

export interface CommandSink {
  /** The result comes with the reply. Rejects with a TypeError for a bad argument. */
  submit<Row extends CommandName, Result>(
    plan: CommandPlan<Row>,
    token: CurrentToken | undefined,
    body: BodyOf<Row>,
    convert: Convert<Row, Result>,
  ): Promise<Result>;
}
