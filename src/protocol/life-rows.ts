/** Commands on sessions as a whole. */
import type { CommandSpec } from './command-spec.js';

const EXPIRY = { type: 'expiry', optional: true, help: 'none: the session never expires' } as const;
const INITIAL_KEYS = {
  type: 'map',
  optional: true,
  help: 'keys stored in the same step',
} as const;
const TOKEN = { type: 'token', help: "the session's token" } as const;
const PUBLIC_ID = { type: 'str', help: "the session's public id, 24 hex characters" } as const;
const OWNER = {
  type: 'str',
  optional: true,
  help: '1 to 256 bytes: whose session it is; see SH_LIST',
} as const;

export const LIFE_ROWS = {
  SH_NEW: {
    op: 1,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {
      expiry: EXPIRY,
      keys: INITIAL_KEYS,
      name: { type: 'str', optional: true, help: '1 to 256 bytes; needed if shared' },
      owner: OWNER,
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
    statuses: [103, 206],
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
      owner: OWNER,
    },
    result: {
      tkn: TOKEN,
      id: PUBLIC_ID,
      created: { type: 'bool', help: 'whether this call started it' },
    },
    statuses: [102, 206],
    summary:
      'Gives the token of the shared session of a name. `expiry`, `keys` and `owner` apply if created.',
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
    params: {
      except: { type: 'token', optional: true, help: 'this session stays' },
      owner: { type: 'str', optional: true, help: 'only sessions of this owner' },
    },
    result: {
      cnt: { type: 'uint', help: 'sessions ended' },
    },
    statuses: [],
    right: 'owners',
    rightWithout: { member: 'owner', right: 'admin' },
    isSlow: true,
    summary: 'Ends every session, or every session of an owner. The default map stays.',
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
      owner: { type: 'str', optional: true, help: 'whose it is' },
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
    right: 'admin',
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
  SH_ROTATE: {
    op: 10,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {
      grace: {
        type: 'seconds',
        optional: true,
        help: 'how long the old token still reaches the session; default 0: not at all',
      },
    },
    result: {
      tkn: { type: 'token', help: 'the new token' },
      id: PUBLIC_ID,
    },
    statuses: [],
    summary:
      'Gives the session a new token; its data, expiry and watchers stay. The old one, after its grace, is answered 110 as long as the session lives.',
  },
  SH_SET_OWNER: {
    op: 11,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {
      owner: { type: 'strOrNil', help: '1 to 256 bytes, or nil for nobody' },
    },
    result: {},
    statuses: [206],
    summary: 'Says whose session it is.',
  },
  SH_LIST: {
    op: 12,
    place: 'all-shards',
    access: 'none',
    onDefaultMap: false,
    params: {
      owner: { type: 'str', help: '1 to 256 bytes' },
    },
    result: {
      sessions: { type: 'sessions', help: 'one each, in no particular order; never their tokens' },
    },
    statuses: [],
    right: 'owners',
    isSlow: true,
    summary: 'Lists the sessions of an owner. Extends nothing.',
  },
  SH_END_ID: {
    op: 13,
    place: 'all-shards',
    access: 'none',
    onDefaultMap: false,
    params: {
      id: PUBLIC_ID,
      owner: { type: 'str', help: '1 to 256 bytes' },
    },
    result: {},
    statuses: [],
    right: 'owners',
    isSlow: true,
    summary:
      'Ends one of the sessions of an owner by its public id. 100 if the owner has none of this id.',
  },
  SH_WATCH: {
    op: 16,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {
      id: PUBLIC_ID,
    },
    statuses: [],
    summary:
      'Pushes each change of the session to this connection, until SH_UNWATCH or its end. 203 if it has --max-watchers already.',
  },
  SH_UNWATCH: {
    op: 17,
    place: 'session',
    access: 'none',
    onDefaultMap: false,
    params: {},
    result: {},
    statuses: [],
    summary: 'Ends the pushes of the session to this connection, if there were any.',
  },
} as const satisfies Record<string, CommandSpec>;
