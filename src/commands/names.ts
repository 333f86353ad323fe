/** Names of result members as msgpack constants. */
import { constantStr } from '../protocol/msgpack-put.js';

export const BYTES = constantStr('bytes');
export const CNT = constantStr('cnt');
export const CONTAINS = constantStr('contains');
export const CREATED = constantStr('created');
export const DELETE_SESSION = constantStr('deleteSession');
export const DURATION = constantStr('duration');
export const EXIST = constantStr('exist');
export const EXPIRES = constantStr('expires');
export const EXPIRY = constantStr('expiry');
export const EXTEND_ON_GET = constantStr('extendOnGet');
export const EXTEND_ON_SET_ADD = constantStr('extendOnSetAdd');
export const ID = constantStr('id');
export const KEY_CNT = constantStr('keyCnt');
export const KEYS = constantStr('keys');
export const MAX_AGE = constantStr('maxAge');
export const NAME = constantStr('name');
export const REMAINING = constantStr('remaining');
export const SHARED = constantStr('shared');
export const TOKEN = constantStr('tkn');
export const TOTAL_KEYS = constantStr('totalKeys');
export const TOTAL_SESSIONS = constantStr('totalSessions');
export const VERSION = constantStr('version');
