/**
 * SH_BATCH: executes data commands on one session in order, as one step: no other command comes
 * between them. The first that fails undoes them all, what they did to the deadline included, and
 * gives the whole its status. Each is checked, and extends the session, as if it had come alone.
 *
 * Errors   42 for a command that no batch can hold
 * Refused  100, 204 for answers that are too large together and for more queries
 *          than there is time for, whatever refuses one of the commands
 */
import { STATUSES } from '../core/statuses.js';
import { CATALOGUE } from '../protocol/catalogue.js';
import { arrayHeaderBytes } from '../protocol/msgpack-put.js';
import { Body } from './body.js';
import type { Command, CommandContext } from './command.js';
import { dataCommandByOp } from './data-commands.js';
import { GatheredReplies } from './gathered-replies.js';
import type { Limits } from './limits.js';
import { RSPS } from './names.js';
import { parametersOf } from './parameters.js';
import { ReplyWriter } from './reply.js';
import { growthBound } from './storing.js';

const OK = STATUSES.OK.code;
const FIND_OP = CATALOGUE.SH_FIND.op;
/** Answers of a batch have as many bytes together as a session at most, and this. */
const ANSWERS_MARGIN_BYTES = 65_536;
const PAIR_BYTE = 0x92;

const gathered = new GatheredReplies();
const answers = new ReplyWriter(gathered);

export const batch: Command = {
  name: 'SH_BATCH',
  needs: 'session',
  grows: false, // each command makes room for what it needs
  changes: true,

  validate({ body }) {
    const { commands } = body;
    for (let index = 0; index < commands.count; index += 1) {
      if (dataCommandByOp[commands.opOf(index)] !== undefined) continue;
      body.detail = 'cmds holds a command that is not one of 32 to 46 on session data';
      return STATUSES.WRONG_VALUE.code;
    }
    return OK;
  },

  execute(context, row) {
    const { body, state, reply } = context;
    const finds = findsIn(context);
    if (finds > findsMax(context)) {
      refuseFinds(context);
      return;
    }
    const limits = limitsOfEach(context, finds);
    const each: CommandContext = {
      ...context,
      body: new Body(limits, body.space),
      reply: answers,
      limits,
    };
    each.body.isLenient = body.isLenient;
    gathered.clear();
    state.undo.mark(row);
    const status = runAll(each, context, row);
    if (status === OK) state.undo.keep();
    else state.undo.back();
    if (gathered.length > answerBytesMax(context)) refuseAnswers(context);
    else replyAll(reply, status);
    gathered.clear();
  },
};

/** @returns OK, or the status of the first command that failed. */
function runAll(each: CommandContext, { body }: CommandContext, row: number): number {
  const { commands } = body;
  for (let index = 0; index < commands.count; index += 1) {
    const [at, end] = [commands.bodyAt(index), commands.bodyEnd(index)];
    runOne(each, dataCommandByOp[commands.opOf(index)]!, row, at, end);
    if (answers.status !== OK) return answers.status;
    if (gathered.length > answerBytesMax(each)) return STATUSES.TOO_LARGE.code;
  }
  return OK;
}

/** The steps of dispatch, in its order, on a session that is found. */
function runOne(
  each: CommandContext,
  command: Command,
  row: number,
  at: number,
  end: number,
): void {
  const { body, state } = each;
  let status = body.decode(parametersOf(command.name), body.space, at, end);
  if (status === OK && command.validate !== undefined) status = command.validate(each);
  if (status !== OK) {
    answers.refuse(status, body.detail);
    return;
  }
  if (command.grows && !each.admits(growthBound(each, row))) {
    answers.refuse(STATUSES.MEMORY_LIMIT.code, 'the memory limit is reached');
    return;
  }
  // Making room may have ended the very session.
  if (state.undo.isOver) {
    answers.bare(STATUSES.NO_SUCH_SESSION.code);
    return;
  }
  if (CATALOGUE[command.name].access === 'read') state.touchForRead(row);
  else state.touchForWrite(row);
  command.execute(each, row);
}

function findsIn({ body: { commands } }: CommandContext): number {
  let finds = 0;
  for (let index = 0; index < commands.count; index += 1) {
    if (commands.opOf(index) === FIND_OP) finds += 1;
  }
  return finds;
}

/** The queries of a batch share the time of one, in whole milliseconds. */
function limitsOfEach({ limits }: CommandContext, finds: number): Limits {
  if (finds < 2) return limits;
  return { ...limits, findMsMax: Math.floor(limits.findMsMax / finds) };
}

/** As many queries as there are whole milliseconds to share. */
function findsMax({ limits }: CommandContext): number {
  return Math.max(1, Math.floor(limits.findMsMax));
}

function refuseFinds(context: CommandContext): void {
  context.countFindLimit();
  const detail = `a batch holds at most ${findsMax(context)} SH_FIND`;
  context.reply.refuse(STATUSES.TOO_LARGE.code, detail);
}

function answerBytesMax({ limits }: CommandContext): number {
  return limits.sessionBytesMax + ANSWERS_MARGIN_BYTES;
}

function refuseAnswers(context: CommandContext): void {
  const detail = `the answers of a batch have at most ${answerBytesMax(context)} bytes together`;
  context.reply.refuse(STATUSES.TOO_LARGE.code, detail);
}

/** The answers as they are, [st, body] each. */
function replyAll(reply: ReplyWriter, status: number): void {
  const { count, space } = gathered;
  let bytes = arrayHeaderBytes(count);
  for (let index = 0; index < count; index += 1) {
    bytes += 1 + gathered.endOf(index) - gathered.statusAt(index);
  }
  reply.begin(status, 1 + RSPS.bytes.length + bytes);
  reply.map(1);
  reply.constant(RSPS);
  reply.array(count);
  for (let index = 0; index < count; index += 1) {
    const at = gathered.statusAt(index);
    reply.space.bytes[reply.at] = PAIR_BYTE;
    reply.at += 1;
    reply.bytes(space, at, gathered.endOf(index) - at);
  }
  reply.end();
}
