/** The body of a reply as JavaScript: tokens as text, all else as the catalogue says. */
import { TOKEN_BYTES, tokenToText } from '../protocol/token.js';
import type { CommandPlan } from './command-plan.js';
import { MalformedReplyError } from './errors.js';
import type { ReplyReader } from './reply-reader.js';
import { unpackValue } from './values.js';

type Members = Record<string, unknown>;

const NO_MEMBERS: Members = Object.freeze({});

function membersOf(reader: ReplyReader): Members {
  if (reader.hasNoBody) return NO_MEMBERS;
  const body = unpackValue(reader.bytes, reader.bodyStart, reader.bodyEnd);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Members;
  throw new MalformedReplyError("a reply's body is not a map");
}

function tokenText(token: unknown): string {
  if (typeof token === 'string') return token;
  if (token instanceof Uint8Array && token.length === TOKEN_BYTES) return tokenToText(token);
  throw new MalformedReplyError('a reply holds a token that is none');
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

/** What the server says about a failure; undefined if it says nothing that can be read. */
export function errorTextOf(reader: ReplyReader): string | undefined {
  try {
    const { m } = membersOf(reader);
    return typeof m === 'string' && m !== '' ? m : undefined;
  } catch (error) {
    if (error instanceof MalformedReplyError) return undefined;
    throw error;
  }
}
