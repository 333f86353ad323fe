/** The body of a reply as JavaScript: tokens as text, all else as the catalogue says. */
import type { CommandPlan } from './command-plan.js';
import { MalformedReplyError } from './errors.js';
import type { ReplyReader } from './reply-reader.js';
import { tokenTextOf } from './token-text.js';
import { unpackValue } from './values.js';

export type Members = Record<string, unknown>;

const NO_MEMBERS: Members = Object.freeze({});

export function membersOf(reader: ReplyReader): Members {
  if (reader.hasNoBody) return NO_MEMBERS;
  const body = unpackValue(reader.bytes, reader.bodyStart, reader.bodyEnd);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Members;
  throw new MalformedReplyError("a reply's body is not a map");
}

function tokenText(token: unknown): string {
  const text = tokenTextOf(token);
  if (text === undefined) throw new MalformedReplyError('a reply holds a token that is none');
  return text;
}

export function resultOf(plan: CommandPlan, reader: ReplyReader): Members {
  const members = membersOf(reader);
  for (const name of plan.tokenMembers) {
    const value = members[name];
    if (value === undefined) throw new MalformedReplyError('a reply lacks its token');
    members[name] = Array.isArray(value) ? value.map(tokenText) : tokenText(value);
  }
  return members;
}

/** What the server says about a failure; nothing if it cannot be read. */
export function membersOfFailure(reader: ReplyReader): Members {
  try {
    return membersOf(reader);
  } catch (error) {
    if (error instanceof MalformedReplyError) return NO_MEMBERS;
    throw error;
  }
}
