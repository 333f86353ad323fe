/**
 * The text dialect, whole: JSON frames to commands and native replies to JSON frames. It runs on
 * the I/O thread; past it, a text command is a native one. Nothing else in the server knows JSON.
 *
 *   {"id":7,"SH_GET":{"tkn":T,"keys":["a"]}}        id is optional
 *   {"id":7,"SH_GET_RSP":{"st":1,"keys":{"a":1}}}
 *
 * A frame that is no command is answered here: 3 not JSON, 13 wrong shape, 10 unknown command. The
 * reply to it is named after the command as far as there is one, else ERR.
 */
import { STATUSES } from '../core/statuses.js';
import { commandEntryOf, type CommandEntry } from './catalogue.js';
import { JsonCursor } from './json-cursor.js';
import { packJson, type PackValue } from './json-packer.js';
import {
  JsonDepthError,
  parseJsonMembers,
  type JsonMember,
  type JsonObject,
  type JsonValue,
} from './json-parser.js';
import { jsonTextAt } from './json-writer.js';
import { WALK_DEPTH_MAX } from './msgpack-walk.js';
import { pointerFromPath } from './singular-path.js';
import { batchCommandsFrom, batchRepliesTextAt } from './text-batch.js';
import { TOKEN_BYTES, tokenFromText, tokenToText } from './token.js';
import type { ValueType } from './value-types.js';

/** What must be kept of a command until its reply comes. */
export interface TextContext {
  readonly entry: CommandEntry;
  /** The name as sent: KV_GET with a token is executed as SH_GET and answered as KV_GET_RSP. */
  readonly sentName: string;
  /** The JSON text of `tkn`, where it has the type of a token and the reply repeats it. */
  readonly tokenEcho: string | undefined;
  /** The JSON text of SH_NEW's `name`, where it is a string. */
  readonly nameEcho: string | undefined;
  /** The JSON text of the `id` beside the command. */
  readonly id: string | undefined;
}

export interface TextCommand extends TextContext {
  readonly kind: 'command';
  /** 24 bytes, or the 8 of an integer, big-endian; undefined if there is no usable token. */
  readonly token: Uint8Array | undefined;
  /**
   * msgpack map of the body's members but `tkn`. Lists of tokens hold bins of 24 or 8 bytes; what
   * was no token in them is gone, or is nil where the command refuses such items.
   */
  readonly body: Uint8Array;
}

/** A frame that is no command, and the answer to it. */
export interface TextRefusal {
  readonly kind: 'refusal';
  readonly reply: string;
}

const UINT64_BYTES = 8;
const UINT64_MAX = 2n ** 64n - 1n;
/** The body itself, and in it what a shard would still walk. */
const BODY_DEPTH_MAX = 1 + WALK_DEPTH_MAX;
/** Results that hold what clients have stored: there 2.0 is not 2. */
const HOLDS_VALUES: ReadonlySet<ValueType | undefined> = new Set(['map', 'number', 'found']);
const NOTHING: ReadonlyMap<string, string> = new Map();
const NO_TOKEN: ReadonlyMap<string, string> = new Map([['tkn', 'null']]);

/** The name at the head of a frame that is not read whole, after an `id` that is a short string or an integer. */
const HEAD =
  /^\s*\{\s*(?:"id"\s*:\s*("[^"\\\p{Cc}]{0,64}"|0|[1-9]\d{0,19})\s*,\s*)?"([A-Za-z]{1,8}_\w{1,64})"\s*:/u;

export function decodeTextFrame(text: string): TextCommand | TextRefusal {
  const members = membersOf(text);
  if (members === 'too-deep') return tooDeep(text);
  if (members === 'malformed') return refusal(STATUSES.MALFORMED_JSON.code, {});
  if (members === undefined) return refusal(STATUSES.BAD_SYNTAX.code, {});
  // Beside a command only: alone it is a command, without an underscore.
  const id = members.size > 1 ? members.get('id')?.text : undefined;
  if (id !== undefined) members.delete('id');
  const [member] = members;
  if (member === undefined || members.size > 1) return refusal(STATUSES.BAD_SYNTAX.code, { id });
  return commandFrom(member[0], member[1].value, id);
}

function membersOf(text: string): Map<string, JsonMember> | undefined | 'malformed' | 'too-deep' {
  try {
    return parseJsonMembers(text, BODY_DEPTH_MAX);
  } catch (error) {
    if (error instanceof SyntaxError) return 'malformed';
    if (error instanceof JsonDepthError) return 'too-deep';
    throw error;
  }
}

/** What a shard would say of such a body, without the work of building it. */
function tooDeep(text: string): TextRefusal {
  const [, id, sentName] = HEAD.exec(text) ?? [];
  if (sentName === undefined) return refusal(STATUSES.MALFORMED_JSON.code, {});
  return refusal(STATUSES.WRONG_VALUE.code, { id, sentName });
}

function commandFrom(
  sentName: string,
  body: JsonValue,
  id: string | undefined,
): TextCommand | TextRefusal {
  if (!sentName.includes('_')) return refusal(STATUSES.BAD_SYNTAX.code, { id, sentName });
  if (!(body instanceof Map)) return refusal(STATUSES.BAD_SYNTAX.code, { id, sentName });
  const entry = entryFor(sentName, body);
  if (entry === undefined) {
    const name = sentName.startsWith('KV_') ? undefined : sentName;
    return refusal(STATUSES.UNKNOWN_COMMAND.code, { id, sentName: name });
  }
  if (entry.command === 'SH_INFO' && body.size !== 1) {
    return refusal(STATUSES.BAD_SYNTAX.code, { id, sentName });
  }
  const token = body.get('tkn');
  body.delete('tkn');
  if (entry.command === 'SH_UPDATE') takePointer(body);
  return {
    kind: 'command',
    entry,
    sentName,
    tokenEcho: echoesToken(entry) ? tokenEchoOf(token) : undefined,
    nameEcho: entry.command === 'SH_NEW' ? nameEchoOf(body.get('name')) : undefined,
    id,
    token: tokenFrom(token),
    body: packJson(withTokens(body, entry)),
  };
}

/** NemesisDB's clients update by JSONPath. No JSON pointer begins like one. */
function takePointer(body: JsonObject): void {
  const path = body.get('path');
  const pointer = typeof path === 'string' ? pointerFromPath(path) : undefined;
  if (pointer !== undefined) body.set('path', pointer);
}

/** With a token, the commands on the default map mean the same on a session. */
function entryFor(sentName: string, body: JsonObject): CommandEntry | undefined {
  const entry = commandEntryOf(sentName);
  return entry?.isDefaultMap === true && body.has('tkn') ? commandEntryOf(entry.command) : entry;
}

function tokenFrom(value: JsonValue | undefined): Uint8Array | undefined {
  if (typeof value === 'string') return tokenFromText(value);
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  if (!isUint64(value)) return undefined;
  const bytes = new Uint8Array(UINT64_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function isUint64(value: number | bigint): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0;
  return value >= 0n && value <= UINT64_MAX;
}

/** Only what a reply may repeat is kept until then: a `tkn` can be as long as a frame. */
function echoesToken(entry: CommandEntry): boolean {
  return entry.command === 'SH_END' || entry.command === 'SH_INFO';
}

function nameEchoOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? JSON.stringify(value) : undefined;
}

function tokenEchoOf(value: JsonValue | undefined): string | undefined {
  // Text that can be no token has the wrong type, as it has where tokens are integers.
  if (typeof value === 'string') return tokenFromText(value) && JSON.stringify(value);
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  return isUint64(value) ? String(value) : undefined;
}

/** The body, its tokens as bytes: past here no one need know their forms. */
function withTokens(body: JsonObject, entry: CommandEntry): Map<string, PackValue> {
  const result: Map<string, PackValue> = body;
  for (const name in entry.spec.params) {
    const given = body.get(name);
    const type = entry.spec.params[name]?.type;
    if (type === 'cmds' && given !== undefined) result.set(name, batchCommandsFrom(given));
    if (type === 'token' && given !== undefined) result.set(name, tokenFrom(given) ?? given);
    if (type !== 'tokens' || !Array.isArray(given)) continue;
    // A list for main names what to keep, so that an item of another type must not be lost in it.
    const isStrict = entry.spec.place === 'main';
    const tokens = given.map((item) => tokenFrom(item) ?? (typeof item === 'string' ? '' : null));
    result.set(name, isStrict ? tokens : tokens.filter((token) => token instanceof Uint8Array));
  }
  return result;
}

/** The reply of a status without a body of its own, such as 203 or 209. */
export function encodeTextStatus(context: TextContext, status: number): string {
  return frameText(
    context,
    replyNameOf(context),
    membersText(status, additionsTo(context, status)),
  );
}

/** bytes[start, end) is a native reply: a msgpack bin that holds [id, st, body or nil]. */
export function encodeTextReply(
  context: TextContext,
  bytes: Uint8Array,
  start: number,
  end: number,
): string {
  // A copy: the bytes may lie in a ring, and what reads text wants memory that is not shared.
  const cursor = new JsonCursor(Uint8Array.prototype.slice.call(bytes, start, end));
  cursor.next(); // the bin
  cursor.next(); // the array in it
  cursor.next(); // id: the text dialect has its own
  cursor.next();
  const status = Number(cursor.number);
  const additions = additionsTo(context, status);
  let text = membersText(status, additions);
  cursor.next();
  const count = cursor.kind === 'map' ? cursor.length : 0;
  for (let index = 0; index < count; index += 1) {
    cursor.next();
    const name = cursor.takeText();
    const value = resultText(context, name, cursor);
    // Words for people travel in the native dialect only.
    if (name !== 'm' && !additions.has(name)) text += `,"${name}":${value}`;
  }
  return frameText(context, replyNameOf(context), text);
}

/** The answer to JSON in a binary frame. */
export function binaryFrameTextReply(): string {
  return refusal(STATUSES.MALFORMED_COMMAND.code, {}).reply;
}

/** The answer to an oversized frame of which only the first characters are known. */
export function tooLargeTextReply(prefix: string): string {
  const [, id, sentName] = HEAD.exec(prefix) ?? [];
  return refusal(STATUSES.TOO_LARGE.code, { id, sentName }).reply;
}

/** What this dialect adds to a reply of this status, whatever the native reply holds. */
function additionsTo(context: TextContext, status: number): ReadonlyMap<string, string> {
  const { command } = context.entry;
  const isUnknown = status === STATUSES.NO_SUCH_SESSION.code;
  if (context.tokenEcho !== undefined && (isUnknown || status === STATUSES.OK.code)) {
    const echo = new Map([['tkn', context.tokenEcho]]);
    return command === 'SH_INFO' && isUnknown
      ? echo.set('shared', 'null').set('keyCnt', 'null')
      : echo;
  }
  if (command === 'SH_OPEN' && status === STATUSES.NO_SUCH_SHARED.code) return NO_TOKEN;
  if (context.nameEcho !== undefined && status === STATUSES.NAME_TAKEN.code) {
    return new Map([['name', context.nameEcho]]);
  }
  return NOTHING;
}

function resultText(context: TextContext, name: string, cursor: JsonCursor): string {
  const type = context.entry.spec.result[name]?.type;
  if (type === 'expiryState' && context.tokenEcho !== undefined) {
    const text = jsonTextAt(cursor, { keepsWholeFloats: false });
    // Whoever knows tokens as integers knows what remains as one.
    return context.tokenEcho.startsWith('"') ? text : withWholeSeconds(text);
  }
  if (type === 'rsps') return batchRepliesTextAt(cursor);
  if (type === 'token') return tokenTextAt(cursor);
  if (type !== 'tokens') return jsonTextAt(cursor, { keepsWholeFloats: HOLDS_VALUES.has(type) });
  cursor.next();
  const texts = Array.from({ length: cursor.length }, () => tokenTextAt(cursor));
  return `[${texts.join()}]`;
}

/** The time that remains truncated: of one that was restarted just now, a part is gone already. */
function withWholeSeconds(expiry: string): string {
  return expiry.replace(/"remaining":([\d.]+)/, (_, seconds) => {
    return `"remaining":${Math.max(0, Math.ceil(Number(seconds)) - 1)}`;
  });
}

/** A token in the form it was minted in: text for 24 bytes, an integer for 8. */
function tokenTextAt(cursor: JsonCursor): string {
  const start = cursor.at;
  cursor.next();
  if (cursor.kind === 'binary' && cursor.length === TOKEN_BYTES) {
    return `"${tokenToText(cursor.takeBytes())}"`;
  }
  if (cursor.kind === 'binary' && cursor.length === UINT64_BYTES) {
    const bytes = cursor.takeBytes();
    return String(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
  }
  cursor.at = start;
  return jsonTextAt(cursor, { keepsWholeFloats: false });
}

interface RefusedFrame {
  readonly id?: string | undefined;
  /** Undefined if no name can be given to the reply. */
  readonly sentName?: string | undefined;
}

function refusal(status: number, frame: RefusedFrame): TextRefusal {
  // A name that is no command's may hold anything.
  const name = frame.sentName === undefined ? '"ERR"' : JSON.stringify(`${frame.sentName}_RSP`);
  return { kind: 'refusal', reply: frameText(frame, name, membersText(status, NOTHING)) };
}

function replyNameOf(context: TextContext): string {
  return `"${context.sentName}_RSP"`;
}

function membersText(status: number, additions: ReadonlyMap<string, string>): string {
  let text = `"st":${status}`;
  for (const [name, value] of additions) text += `,"${name}":${value}`;
  return text;
}

/** @param frame whose id is repeated. */
function frameText(frame: RefusedFrame, replyName: string, members: string): string {
  const id = frame.id === undefined ? '' : `"id":${frame.id},`;
  return `{${id}${replyName}:{${members}}}`;
}
