/** Steps of the commands that work on one key, named by a parameter of type str. */
import { STATUSES } from '../core/statuses.js';
import type { CommandContext } from './command.js';

/** @returns OK, or 42 where no key can have this name. */
export function validateKey({ body, limits }: CommandContext, parameter: number): number {
  if (body.textBytes(parameter) > limits.keyBytesMax) {
    body.detail = `a key has at most ${limits.keyBytesMax} bytes`;
    return STATUSES.WRONG_VALUE.code;
  }
  if (body.isUtf8(parameter)) return STATUSES.OK.code;
  body.detail = 'a key is not UTF-8';
  return STATUSES.WRONG_VALUE.code;
}

/** Whether the session has the key; it then stands where keys.find() leaves it. */
export function findKey({ body, state }: CommandContext, row: number, parameter: number): boolean {
  return state.keys.find(row, body.space, body.textAt(parameter), body.textBytes(parameter));
}
