/**
 * Whether a connection may send a command: what each op needs, as bits for one test. Made from the
 * catalogue. Connections with all rights, as all are where the server has no users, do not come here.
 */
import type { ByteSpace } from '../core/copy.js';
import { ALL_RIGHTS, bitsOf, NO_RIGHTS } from '../core/rights.js';
import { STATUSES, type StatusSpec } from '../core/statuses.js';
import { entryByOp, OP_MAX } from '../protocol/catalogue.js';
import type { NeededRight } from '../protocol/command-spec.js';
import { NativeCursor } from '../protocol/native-cursor.js';
import { TOKEN_NIL, type NativeCommand } from '../protocol/native-frame.js';
import { SESSION_OP } from './routes.js';

/** Everyone has it. */
const NONE_NEEDED = ALL_RIGHTS + 1;

/** By op: bits of which one is needed. What there is not is for the router to refuse. */
const NEEDED_BY_OP = Int32Array.from({ length: OP_MAX + 1 }, (_, op) => {
  const entry = entryByOp[op];
  if (entry === undefined) return NONE_NEEDED;
  return bitsFor(entry.isDefaultMap ? 'default-map' : (entry.spec.right ?? 'sessions'));
});

const cursor = new NativeCursor();

/** 200 or 201, with its words; undefined where the command may run. */
export function rightsRefusal(
  rights: number,
  space: ByteSpace,
  command: NativeCommand,
): StatusSpec | undefined {
  if (((rights | NONE_NEEDED) & neededFor(space, command)) !== 0) return undefined;
  return rights === NO_RIGHTS ? STATUSES.UNAUTHENTICATED : STATUSES.NOT_ALLOWED;
}

function neededFor(space: ByteSpace, { op, tokenForm, bodyAt, bodyEnd }: NativeCommand): number {
  const entry = entryByOp[op];
  if (entry === undefined) return NONE_NEEDED;
  // With a token, a KV_ command is the SH_ command.
  if (entry.isDefaultMap && tokenForm !== TOKEN_NIL) return NEEDED_BY_OP[SESSION_OP[op]!]!;
  const { rightWithout } = entry.spec;
  if (rightWithout === undefined) return NEEDED_BY_OP[op]!;
  cursor.open(space.view, bodyAt, bodyEnd);
  const isThere = cursor.findMember(rightWithout.member) === 1 && !cursor.takeNil();
  return isThere ? NEEDED_BY_OP[op]! : bitsFor(rightWithout.right);
}

function bitsFor(right: NeededRight): number {
  if (right === 'none') return NONE_NEEDED;
  return right === 'any' ? ALL_RIGHTS : bitsOf([right]);
}
