/**
 * The body of a command as msgpack, by the parameters of its plan. Throws a TypeError that names the
 * parameter at fault, and never holds a value or a token.
 */
import type { Expiry } from '../protocol/value-types.js';
import { batchPlanOf, type CommandPlan, type Parameter } from './command-plan.js';
import type { MsgpackWriter } from './msgpack-writer.js';
import { tokenBytesOf } from './token-text.js';
import { packValue } from './values.js';

const QUOTED_CHARACTERS_MAX = 64;
const TOKEN_FORM = '32 base64url characters';

const EXPIRY_MEMBERS = {
  duration: 'number',
  deleteSession: 'boolean',
  extendOnSetAdd: 'boolean',
  extendOnGet: 'boolean',
  maxAge: 'number',
} as const satisfies Record<keyof Expiry, 'number' | 'boolean'>;

/** The members of a command's body, by the names of its parameters. */
export type Body = Readonly<Record<string, unknown>>;

export function writeBody(out: MsgpackWriter, plan: CommandPlan, body: Body): void {
  let count = 0;
  for (const parameter of plan.parameters) {
    if (body[parameter.name] !== undefined) count += 1;
    else if (!parameter.isOptional) throw new TypeError(`${parameter.name} is missing`);
  }
  if (count === 0) {
    out.writeNil();
    return;
  }
  out.writeMapHeader(count);
  for (const parameter of plan.parameters) {
    const value = body[parameter.name];
    if (value === undefined) continue;
    out.writeText(parameter.name);
    writeParameter(out, parameter, value);
  }
}

function writeParameter(out: MsgpackWriter, { name, type }: Parameter, value: unknown): void {
  switch (type) {
    case 'keys':
      writeKeyNames(out, name, value);
      return;
    case 'map':
      writeKeyMap(out, name, value);
      return;
    case 'cmds':
      writeCommands(out, name, value);
      return;
    case 'tokens':
      writeTokens(out, name, value);
      return;
    case 'expiryOrNil':
      if (value === null) out.writeNil();
      else writeExpiry(out, name, value);
      return;
    case 'expiry':
      writeExpiry(out, name, value);
      return;
    case 'any':
      writeValue(out, value, name);
      return;
    default:
      writeScalar(out, { name, type }, value);
  }
}

function writeScalar(
  out: MsgpackWriter,
  { name, type }: Pick<Parameter, 'name' | 'type'>,
  value: unknown,
): void {
  switch (type) {
    case 'str':
      if (typeof value !== 'string') throw new TypeError(`${name} must be a string`);
      out.writeText(value);
      return;
    case 'strOrNil':
      if (value === null) out.writeNil();
      else if (typeof value === 'string') out.writeText(value);
      else throw new TypeError(`${name} must be a string, or null for none`);
      return;
    case 'bool':
      if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`);
      out.writeBoolean(value);
      return;
    case 'uint':
      if (!Number.isSafeInteger(value) || (value as number) < 0) {
        throw new TypeError(`${name} must be a whole number from 0`);
      }
      out.writeNumber(value as number);
      return;
    case 'seconds':
      out.writeNumber(numberOf(name, value));
      return;
    case 'number':
      if (typeof value === 'bigint') writeBigInt(out, name, value);
      else out.writeNumber(numberOf(name, value));
      return;
    case 'token':
      out.writeBinary(tokenOf(value, `${name} must be a token, ${TOKEN_FORM}`));
      return;
    default:
      throw new TypeError(`${name}: there is no way to send a ${type}`);
  }
}

function numberOf(name: string, value: unknown): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  throw new TypeError(`${name} must be a number`);
}

function writeBigInt(out: MsgpackWriter, name: string, value: bigint): void {
  if (BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value) {
    throw new TypeError(`${name} must be an integer of at most 64 bits`);
  }
  out.writeBigInt(value);
}

function tokenOf(text: unknown, problem: string): Uint8Array {
  const token = tokenBytesOf(text);
  if (token === undefined) throw new TypeError(problem);
  return token;
}

/** The commands of a batch, each [op or name, body]. */
function writeCommands(out: MsgpackWriter, name: string, commands: unknown): void {
  if (!Array.isArray(commands)) throw new TypeError(`${name} must be an array of [op, body]`);
  out.writeArrayHeader(commands.length);
  for (const command of commands as readonly unknown[]) {
    const [op, body] = Array.isArray(command) ? (command as readonly unknown[]) : [];
    const plan = batchPlanOf(op);
    if (plan === undefined) throw new TypeError(`${name} may hold data commands only`);
    if (body !== null && body !== undefined && !isObject(body)) {
      throw new TypeError(`${name}: the body of ${plan.name} must be an object`);
    }
    out.writeArrayHeader(2);
    out.writeNumber(plan.op);
    writeBody(out, plan, body ?? {});
  }
}

function writeKeyNames(out: MsgpackWriter, name: string, keys: unknown): void {
  if (!Array.isArray(keys)) throw new TypeError(`${name} must be an array of strings`);
  out.writeArrayHeader(keys.length);
  for (const key of keys as readonly unknown[]) {
    if (typeof key !== 'string') throw new TypeError(`${name} must hold strings only`);
    out.writeText(key);
  }
}

function writeKeyMap(out: MsgpackWriter, name: string, map: unknown): void {
  if (!isObject(map)) throw new TypeError(`${name} must be an object of keys and their values`);
  const keys = Object.keys(map);
  let count = 0;
  for (const key of keys) if (map[key] !== undefined) count += 1;
  out.writeMapHeader(count);
  for (const key of keys) {
    const value = map[key];
    if (value === undefined) continue;
    out.writeText(key);
    writeValue(out, value, key);
  }
}

function writeValue(out: MsgpackWriter, value: unknown, key: string): void {
  if (typeof value === 'string') out.writeText(value);
  else if (typeof value === 'number') out.writeNumber(value);
  else if (typeof value === 'boolean') out.writeBoolean(value);
  else if (value === null) out.writeNil();
  else if (value instanceof Uint8Array) out.writeBinary(value);
  else if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`the value of key ${quoted(key)} is a ${typeof value}`);
  } else {
    out.writeBytes(packed(value, key));
  }
}

function writeTokens(out: MsgpackWriter, name: string, tokens: unknown): void {
  if (!Array.isArray(tokens)) throw new TypeError(`${name} must be an array of tokens`);
  out.writeArrayHeader(tokens.length);
  for (const text of tokens as readonly unknown[]) {
    out.writeBinary(tokenOf(text, `${name} must hold tokens, ${TOKEN_FORM} each`));
  }
}

function writeExpiry(out: MsgpackWriter, name: string, expiry: unknown): void {
  if (!isObject(expiry)) throw new TypeError(`${name} must be an object such as {duration: 60}`);
  const members = Object.keys(expiry).filter((member) => expiry[member] !== undefined);
  out.writeMapHeader(members.length);
  for (const member of members) {
    if (!Object.hasOwn(EXPIRY_MEMBERS, member)) {
      const known = Object.keys(EXPIRY_MEMBERS).join(', ');
      throw new TypeError(`${name} has no member ${quoted(member)}; there are ${known}`);
    }
    const type = EXPIRY_MEMBERS[member as keyof Expiry];
    const value = expiry[member];
    if (typeof value !== type || Number.isNaN(value)) {
      throw new TypeError(`${name}.${member} must be a ${type}`);
    }
    out.writeText(member);
    writeValue(out, value, member);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function quoted(key: string): string {
  if (key.length <= QUOTED_CHARACTERS_MAX) return JSON.stringify(key);
  return `${JSON.stringify(key.slice(0, QUOTED_CHARACTERS_MAX))}...`;
}

function packed(value: unknown, key: string): Uint8Array {
  try {
    return packValue(value);
  } catch {
    // msgpackr's own message may quote the value, so it goes no further.
    throw new TypeError(
      `the value of key ${quoted(key)} cannot be sent: it holds itself, is nested too deeply, ` +
        'or has a part that msgpack cannot express, such as a symbol or an integer over 64 bits',
    );
  }
}
