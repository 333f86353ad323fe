/** Commands that are refused before any session is looked for, in both dialects alike. */
import type { Body } from './reference-model.js';

export interface BadCommand {
  /** Of data commands without SH_. */
  readonly name: string;
  readonly body: Body;
  readonly status: number;
}

/** --max-keys of the servers that are compared with the model. */
export const MODEL_KEYS_MAX = 6;

type Row = readonly [name: string, body: Body, status: number];

const LONG = 'x'.repeat(257);
const CENTURY = 3_155_760_001n;
const KEY_TOO_LONG = new Map([
  ['fine', 1n],
  ['x'.repeat(513), 1n],
]);

/** More than the servers of the model take in one command. */
const TOO_MANY = Array.from({ length: MODEL_KEYS_MAX + 1 }, (_, index) => index);
const TOO_MANY_KEYS = TOO_MANY.map((each) => `key ${each}`);

const LIFE: readonly Row[] = [
  ['SH_NEW', { shared: true }, 26],
  ['SH_NEW', { shared: 1n, name: 'x' }, 41],
  ['SH_NEW', { name: 5n }, 41],
  ['SH_NEW', { name: '' }, 42],
  ['SH_NEW', { name: LONG, shared: true }, 42],
  ['SH_NEW', { owner: null }, 41],
  ['SH_NEW', { owner: '' }, 42],
  ['SH_NEW', { owner: LONG }, 42],
  ['SH_NEW', { keys: [] }, 41],
  ['SH_NEW', { keys: KEY_TOO_LONG }, 42],
  ['SH_NEW', { expiry: null }, 41],
  ['SH_NEW', { expiry: { duration: -1n } }, 41],
  ['SH_NEW', { expiry: { duration: 1n, maxAge: -0.5 } }, 41],
  ['SH_NEW', { expiry: { duration: 1n, deleteSession: 1n } }, 41],
  ['SH_NEW', { expiry: { duration: CENTURY } }, 42],
  ['SH_OPEN', {}, 26],
  ['SH_OPEN', { name: '' }, 42],
  ['SH_OPEN', { name: 'x', create: 1n }, 41],
  ['SH_END_ALL', { owner: 5n }, 41],
  ['SH_END_ALL', { owner: '' }, 42],
  ['SH_EXISTS', {}, 26],
  ['SH_EXISTS', { tkns: 5n }, 41],
  ['SH_EXPIRE', {}, 26],
  ['SH_EXPIRE', { expiry: 5n }, 41],
  ['SH_ROTATE', { grace: -1n }, 41],
  ['SH_ROTATE', { grace: '1' }, 41],
  ['SH_ROTATE', { grace: CENTURY }, 42],
  ['SH_SET_OWNER', {}, 26],
  ['SH_SET_OWNER', { owner: 5n }, 41],
  ['SH_SET_OWNER', { owner: '' }, 42],
  ['SH_LIST', {}, 26],
  ['SH_LIST', { owner: null }, 41],
  ['SH_LIST', { owner: '' }, 42],
  ['SH_END_ID', { owner: 'ann' }, 26],
  ['SH_END_ID', { id: 0 }, 26],
  ['SH_EXISTS', { tkns: TOO_MANY }, 204],
  ['SH_NEW', { keys: new Map(TOO_MANY_KEYS.map((key) => [key, null])) }, 204],
  ['SH_LOAD', {}, 26],
  ['SH_LOAD', { name: 5n }, 41],
  ['SH_LOAD', { name: '../set' }, 42],
  ['KV_LOAD', { name: '' }, 42],
];

const DATA: readonly Row[] = [
  ['SET', {}, 26],
  ['SET', { keys: [] }, 41],
  ['SET', { keys: KEY_TOO_LONG }, 42],
  ['ADD', { keys: null }, 41],
  ['GET', {}, 26],
  ['GET', { keys: new Map() }, 41],
  ['GET', { keys: [], version: 1n }, 41],
  ['RMV', { keys: [] }, 42],
  ['CONTAINS', { keys: 'a' }, 41],
  ['CLEAR_SET', {}, 26],
  ['INC', {}, 26],
  ['INC', { key: 5n }, 41],
  ['INC', { key: 'a', by: '1' }, 41],
  ['TAKE', {}, 26],
  ['CAS', {}, 26],
  ['CAS', { version: -1n }, 41],
  ['CAS', { version: 0n, set: [] }, 41],
  ['CAS', { version: 0n, rmv: new Map() }, 41],
  ['UPDATE', { key: 'a', path: '' }, 26],
  ['UPDATE', { key: 'a', path: 5n, value: 1n }, 41],
  ['UPDATE', { key: 'a', path: 'a', value: 1n }, 4],
  ['FIND', { path: '$' }, 26],
  ['FIND', { path: '$[', rsp: 'keys' }, 4],
  ['FIND', { path: '$', rsp: 'all' }, 13],
  ['FIND', { path: '', rsp: 'keys' }, 42],
  ['SET', { keys: new Map(TOO_MANY_KEYS.map((key) => [key, null])) }, 204],
  ['GET', { keys: TOO_MANY_KEYS }, 204],
  ['CAS', { version: 0n, rmv: TOO_MANY_KEYS }, 204],
];

const BATCH: readonly Row[] = [
  ['BATCH', {}, 26],
  ['BATCH', { cmds: 5n }, 41],
  ['BATCH', { cmds: [] }, 42],
  ['BATCH', { cmds: [['SH_END', {}]] }, 42],
  ['BATCH', { cmds: [['SH_BATCH', { cmds: [['SH_CLEAR', {}]] }]] }, 42],
  ['BATCH', { cmds: Array.from({ length: 129 }, () => ['SH_COUNT', {}]) }, 42],
];

const bad = ([name, body, status]: Row): BadCommand => ({ name, body, status });

export const BAD_LIFE_COMMANDS = LIFE.map(bad);
/** May stand in batches, too. */
export const BAD_DATA_COMMANDS = DATA.map(bad);
export const BAD_BATCHES = BATCH.map(bad);
