/**
 * What users may do (`--users`), once. A right is a bit; a connection has those of its user, and all
 * of them where the server has no users.
 */
export const RIGHTS = {
  sessions: 'start sessions, open shared ones, and use sessions by their tokens',
  'default-map': 'read and change the default map',
  owners: 'list and end the sessions of an owner',
  admin: 'end or count all sessions, save and load, snapshots, figures, events',
} as const;

export type Right = keyof typeof RIGHTS;

export const RIGHT_NAMES = Object.keys(RIGHTS) as readonly Right[];

export const NO_RIGHTS = 0;
/** Of whom nothing has to be asked. */
export const ALL_RIGHTS = (1 << RIGHT_NAMES.length) - 1;

export function bitsOf(rights: readonly Right[]): number {
  return rights.reduce((bits, right) => bits | (1 << RIGHT_NAMES.indexOf(right)), NO_RIGHTS);
}

/** In the order of the table. */
export function rightsIn(bits: number): Right[] {
  return RIGHT_NAMES.filter((right) => (bits & bitsOf([right])) !== 0);
}
