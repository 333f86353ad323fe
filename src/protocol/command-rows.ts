/**
 * Every command there is, once: its number, its parameters, its result. Validation on the shard,
 * the text dialect, the SDK's types, docs/COMMANDS.md and the conformance test follow from it.
 *
 * Rows with onDefaultMap stand for two commands each: a KV_ command is the SH_ command of the same
 * name on the default map, its number 64 higher. Released numbers keep their meaning for good.
 * Files to keep in step: docs/PROTOCOL.md.
 */
import type { Members } from './value-types.js';

/** Where a command is answered: by its session's shard, every shard, the I/O thread, or main. */
export type Place = 'session' | 'all-shards' | 'io' | 'main';

/** What a command does to a session, and so which expiry flag lets it restart the idle clock. */
export type Access = 'read' | 'write' | 'none';

export interface CommandSpec {
  readonly op: number;
  readonly place: Place;
  readonly access: Access;
  /** True where a KV_ command of the same name serves the default map. */
  readonly onDefaultMap: boolean;
  readonly params: Members;
  readonly result: Members;
  /** Statuses of its own, beside those that any command can answer. */
  readonly statuses: readonly number[];
  readonly summary: string;
}

const KEYS_TO_SET = { type: 'map', help: 'keys and their values' } as const;
const KEYS_NAMED = { type: 'keys', help: 'key names' } as const;
const EXPIRY = { type: 'expiry', optional: true, help: 'none: the session never expires' } as const;
const INITIAL_KEYS = {
  type: 'map',
  optional: true,
  help: 'keys stored in the same step',
} as const;
const TOKEN = { type: 'token', help: "the session's token" } as const;
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
const PUBLIC_ID = { type: 'str', help: "the session's public id, 24 hex characters" } as const;

export const COMMANDS = {
  SH_NEW: {
    op: 1,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {
      expiry: EXPIRY,
      keys: INITIAL_KEYS,
      name: { type: 'str', optional: true, help: '1 to 256 bytes; needed if shared' },
      shared: {
        type: 'bool',
        optional: true,
        help: 'others may open the session by its name; its token derives from the name',
      },
    },
    result: {
      tkn: TOKEN,
      id: PUBLIC_ID,
      name: { type: 'str', optional: true, help: 'as given' },
    },
    statuses: [103],
    summary: 'Starts a session and mints its token. 103 (with `tkn`) if the shared name exists.',
  },
  SH_OPEN: {
    op: 2,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {
      create: { type: 'bool', optional: true, help: 'start the session if there is none' },
      expiry: EXPIRY,
      keys: INITIAL_KEYS,
      name: { type: 'str', help: '1 to 256 bytes' },
    },
    result: {
      tkn: TOKEN,
      id: PUBLIC_ID,
      created: { type: 'bool', help: 'whether this call started it' },
    },
    statuses: [102],
    summary:
      'Gives the token of the shared session of a name. `expiry` and `keys` apply if created.',
  },
  SH_END: {
    op: 3,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {},
    statuses: [],
    summary: 'Ends the session and removes its data.',
  },
  SH_END_ALL: {
    op: 4,
    place: 'all-shards',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: { cnt: { type: 'uint', help: 'sessions ended' } },
    statuses: [],
    summary: 'Ends every session. The default map stays.',
  },
  SH_EXISTS: {
    op: 5,
    place: 'all-shards',
    access: 'none',
    onDefaultMap: false,
    params: { tkns: { type: 'tokens', help: 'tokens to look for' } },
    result: {
      exist: { type: 'tokens', help: 'those that live, in request order, duplicates repeated' },
    },
    statuses: [],
    summary: 'Tells which of the tokens have a live session. Extends nothing.',
  },
  SH_INFO: {
    op: 6,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {
      id: PUBLIC_ID,
      shared: { type: 'bool', help: 'whether it can be opened by name' },
      keyCnt: { type: 'uint', help: 'keys it holds' },
      bytes: { type: 'uint', help: 'bytes of its keys and values as stored' },
      created: { type: 'seconds', help: 'instant of its creation, Unix seconds' },
      version: { type: 'uint', help: 'writes so far' },
      expires: { type: 'bool', help: 'whether it has an expiry' },
      expiry: { type: 'expiryState', optional: true, help: 'only if it expires' },
    },
    statuses: [],
    summary: 'Describes the session. Extends nothing.',
  },
  SH_INFO_ALL: {
    op: 7,
    place: 'all-shards',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {
      totalSessions: { type: 'uint', help: 'live sessions' },
      totalKeys: { type: 'uint', help: 'keys in all of them' },
    },
    statuses: [],
    summary: 'Counts sessions and keys, from counters. The default map is not among them.',
  },
  SH_TOUCH: {
    op: 8,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {
      remaining: { type: 'seconds', optional: true, help: 'until the deadline; absent: never' },
    },
    statuses: [],
    summary: 'Restarts the idle clock, whatever the flags.',
  },
  SH_EXPIRE: {
    op: 9,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: { expiry: { type: 'expiryOrNil', help: 'the new expiry, or nil for none' } },
    result: {
      remaining: { type: 'seconds', optional: true, help: 'until the deadline; absent: never' },
    },
    statuses: [],
    summary: 'Replaces or removes the expiry. The idle clock restarts now.',
  },
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
    summary:
      'Loads the newest set of the name. Sessions that live already are left alone and not counted; ' +
      'those that are due by now stay dead.',
  },
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
  KV_SAVE: {
    op: 78,
    place: 'main',
    access: 'none',
    onDefaultMap: false,
    params: { name: SET_NAME },
    result: SAVED,
    statuses: [14, 121, 122, 123],
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
    summary: 'Stores the keys of the newest set of the name in the default map; others stay.',
  },
  SV_INFO: {
    op: 128,
    place: 'io',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {
      serverVersion: { type: 'str', help: 'version of the server' },
      persistEnabled: { type: 'bool', help: 'whether sessions survive a restart' },
      protocol: { type: 'uint', help: 'version of the protocol' },
      shards: { type: 'uint', help: 'shard threads' },
      ioThreads: { type: 'uint', help: 'I/O threads' },
      uptime: { type: 'seconds', help: 'since the start' },
    },
    statuses: [],
    summary: 'Describes the server.',
  },
  SV_PING: {
    op: 129,
    place: 'io',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {},
    statuses: [],
    summary: 'Answers.',
  },
  SV_SNAPSHOT: {
    op: 133,
    place: 'main',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {
      sessions: { type: 'uint', help: 'sessions in it' },
      keys: { type: 'uint', help: 'keys in it, with those of the default map' },
      bytes: { type: 'uint', help: 'bytes of its files' },
      duration: { type: 'uint', help: 'milliseconds it took' },
    },
    statuses: [14, 123],
    summary: 'Writes a snapshot of every shard, so that older log segments can go.',
  },
} as const satisfies Record<string, CommandSpec>;
