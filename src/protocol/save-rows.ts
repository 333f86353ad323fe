/** Commands that save and load sets of sessions, and the default map. */
import type { CommandSpec } from './command-spec.js';

const SET_NAME = {
  type: 'str',
  help: '1 to 128 of letters, digits, `-`, `_`, `.`; no leading dot',
} as const;
const SAVED = {
  name: { type: 'str', help: 'as given' },
  duration: { type: 'uint', help: 'milliseconds it took' },
} as const;
const LOADED = {
  name: { type: 'str', help: 'as given' },
  sessions: { type: 'uint', help: 'sessions loaded' },
  keys: { type: 'uint', help: 'keys loaded' },
} as const;

export const SAVE_ROWS = {
  SH_SAVE: {
    op: 14,
    place: 'main',
    access: 'none',
    onDefaultMap: false,
    params: {
      name: SET_NAME,
      tkns: { type: 'tokens', optional: true, help: 'only these sessions; none: all of them' },
    },
    result: SAVED,
    statuses: [14, 121, 122, 123],
    right: 'admin',
    summary: 'Saves sessions as a new set under the name. 121 once it is on disk.',
  },
  SH_LOAD: {
    op: 15,
    place: 'main',
    access: 'none',
    onDefaultMap: false,
    params: { name: SET_NAME },
    result: LOADED,
    statuses: [141, 142, 210],
    right: 'admin',
    summary:
      'Loads the newest set of the name. Sessions that live already are left alone and not counted; ' +
      'those that are due by now stay dead.',
  },
  KV_SAVE: {
    op: 78,
    place: 'main',
    access: 'none',
    onDefaultMap: false,
    params: { name: SET_NAME },
    result: SAVED,
    statuses: [14, 121, 122, 123],
    right: 'admin',
    summary: 'Saves the default map as a new set under the name.',
  },
  KV_LOAD: {
    op: 79,
    place: 'main',
    access: 'none',
    onDefaultMap: false,
    params: { name: SET_NAME },
    result: { ...LOADED, duration: SAVED.duration },
    statuses: [141, 142, 210],
    right: 'admin',
    summary: 'Stores the keys of the newest set of the name in the default map; others stay.',
  },
} as const satisfies Record<string, CommandSpec>;
