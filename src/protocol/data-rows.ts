/** Commands on the keys of a session or of the default map. */
import type { CommandSpec } from './command-spec.js';

const KEYS_TO_SET = { type: 'map', help: 'keys and their values' } as const;
const KEYS_NAMED = { type: 'keys', help: 'key names' } as const;

export const DATA_ROWS = {
  SH_SET: {
    op: 32,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: { keys: KEYS_TO_SET },
    result: {},
    statuses: [],
    summary: 'Stores keys, replacing those that exist.',
  },
  SH_ADD: {
    op: 33,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: { keys: KEYS_TO_SET },
    result: {},
    statuses: [],
    summary: 'Stores those keys that are absent; the others stay as they are.',
  },
  SH_GET: {
    op: 34,
    place: 'session',
    access: 'read',
    onDefaultMap: true,
    params: {
      keys: KEYS_NAMED,
      version: { type: 'bool', optional: true, help: 'answer the version, too' },
    },
    result: {
      keys: { type: 'map', help: 'those that exist' },
      version: { type: 'uint', optional: true, help: 'writes so far, if asked for' },
    },
    statuses: [],
    summary: 'Reads keys. Absent ones are left out.',
  },
  SH_GET_ALL: {
    op: 35,
    place: 'session',
    access: 'read',
    onDefaultMap: true,
    params: {},
    result: { keys: { type: 'map', help: 'all keys, in insertion order' } },
    statuses: [],
    summary: 'Reads all keys.',
  },
  SH_RMV: {
    op: 36,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: { keys: KEYS_NAMED },
    result: { cnt: { type: 'uint', help: 'keys removed' } },
    statuses: [],
    summary: 'Removes keys. An empty list is refused with 42.',
  },
  SH_CONTAINS: {
    op: 37,
    place: 'session',
    access: 'read',
    onDefaultMap: true,
    params: { keys: KEYS_NAMED },
    result: { contains: { type: 'keys', help: 'those that exist, in request order' } },
    statuses: [],
    summary: 'Tells which keys exist.',
  },
  SH_KEYS: {
    op: 38,
    place: 'session',
    access: 'read',
    onDefaultMap: true,
    params: {},
    result: { keys: { type: 'keys', help: 'all key names, in insertion order' } },
    statuses: [],
    summary: 'Lists the key names.',
  },
  SH_COUNT: {
    op: 39,
    place: 'session',
    access: 'read',
    onDefaultMap: true,
    params: {},
    result: { cnt: { type: 'uint', help: 'keys it holds' } },
    statuses: [],
    summary: 'Counts the keys.',
  },
  SH_CLEAR: {
    op: 40,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: {},
    result: { cnt: { type: 'uint', help: 'keys removed' } },
    statuses: [],
    summary: 'Removes all keys; the session stays.',
  },
  SH_CLEAR_SET: {
    op: 41,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: { keys: KEYS_TO_SET },
    result: { cnt: { type: 'uint', help: 'keys removed' } },
    statuses: [],
    summary: 'Replaces all keys by these, in one step.',
  },
  SH_INC: {
    op: 42,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: {
      by: { type: 'number', optional: true, help: 'what to add; default 1' },
      key: { type: 'str', help: 'key name' },
    },
    result: {
      value: { type: 'number', help: 'the sum' },
    },
    statuses: [208],
    summary:
      'Adds to a number; an absent key counts as 0. Integers stay exact up to 64 bits; a sum beyond them is refused with 42.',
  },
  SH_TAKE: {
    op: 43,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: {
      keys: KEYS_NAMED,
    },
    result: {
      keys: { type: 'map', help: 'those that existed' },
    },
    statuses: [],
    summary: 'Reads and removes keys in one step, so that each value is given out once.',
  },
  SH_CAS: {
    op: 44,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: {
      rmv: { type: 'keys', optional: true, help: 'keys to remove' },
      set: { type: 'map', optional: true, help: 'keys to store, after the removals' },
      version: { type: 'uint', help: 'as SH_INFO, or SH_GET with `version`, gave it' },
    },
    result: {
      version: { type: 'uint', help: 'of the session now; with 207 the one it has' },
    },
    statuses: [207],
    summary: 'Changes keys if the session is still at this version, and else answers 207.',
  },
  SH_UPDATE: {
    op: 45,
    place: 'session',
    access: 'write',
    onDefaultMap: true,
    params: {
      key: { type: 'str', help: 'key name' },
      path: { type: 'str', help: 'JSON pointer (RFC 6901) into its value; empty: the whole value' },
      value: { type: 'any', help: 'what to put there' },
    },
    result: {
      cnt: { type: 'uint', help: '1; 0 if the value has no such place' },
    },
    statuses: [4, 22],
    summary: 'Replaces a part of a value.',
  },
  SH_FIND: {
    op: 46,
    place: 'session',
    access: 'read',
    onDefaultMap: true,
    params: {
      keys: { type: 'keys', optional: true, help: 'search these keys only' },
      path: { type: 'str', help: 'JSONPath (RFC 9535), applied to the value of each key' },
      rsp: { type: 'str', help: '`keys`, `paths` or `kv`' },
    },
    result: {
      keys: {
        type: 'found',
        optional: true,
        help: 'names of the keys with something found; for `kv` with their values',
      },
      paths: {
        type: 'keys',
        optional: true,
        help: 'for `paths`: normalized paths of what was found',
      },
    },
    statuses: [4, 13],
    summary: 'Looks into the values.',
  },
  SH_BATCH: {
    op: 47,
    place: 'session',
    access: 'none',
    onDefaultMap: true,
    params: {
      cmds: {
        type: 'cmds',
        help: '1 to 128 of `[op, body]`: commands of this section, but SH_BATCH',
      },
    },
    result: {
      rsps: { type: 'rsps', help: 'one `[st, body]` each, as far as they were executed' },
    },
    statuses: [],
    summary:
      'Executes data commands in order, as one step. The first that fails undoes them all, and gives the whole its status.',
  },
} as const satisfies Record<string, CommandSpec>;
