/** Names of saved sets. They are names of folders, too, so they are the same on every system. */

/** What a set holds. */
export type SetKind = 'sessions' | 'default-map';

const SET_NAME = /^(?!\.)[A-Za-z0-9._-]{1,128}$/;

/** For people. */
export const SET_NAME_RULE =
  'name must be 1 to 128 of letters, digits, - _ and ., with no leading dot';

export function isSetName(name: string): boolean {
  return SET_NAME.test(name);
}
