/** Random commands for the reference model, for fast-check to make and to shrink. */
import fc from 'fast-check';
import { BAD_BATCHES, BAD_DATA_COMMANDS, BAD_LIFE_COMMANDS } from './bad-commands.js';
import type { ModelCommand, TokenChoice } from './model-driver.js';
import type { ModelValue } from './model-values.js';
import type { Body } from './reference-data.js';

const OWNERS = ['ann', 'ann', 'zoë'];
const NAMES = ['settings', 'größe'];
const KEYS = ['a', 'b', 'c', '', 'schlüssel', 'k'.repeat(40)];

const recent: fc.Arbitrary<TokenChoice> = fc.oneof(
  { weight: 12, arbitrary: fc.nat(3) },
  { weight: 6, arbitrary: fc.nat(30) },
  { weight: 1, arbitrary: fc.constant('unknown' as const) },
);
const key = fc.constantFrom(...KEYS);
const owner = fc.constantFrom(...OWNERS);
const name = fc.constantFrom(...NAMES);

const number: fc.Arbitrary<ModelValue> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 300 }).map(BigInt) },
  fc.constantFrom(2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 65_536n),
  fc.constantFrom(0.5, -1.5, 2, 1e300),
);
const leaf: fc.Arbitrary<ModelValue> = fc.oneof(
  { weight: 3, arbitrary: number },
  fc.constantFrom<ModelValue[]>(null, true, false, '', 'text', 'x'.repeat(300), 'ü'.repeat(150)),
);
const value: fc.Arbitrary<ModelValue> = fc.letrec<{ value: ModelValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom('x', 'y', 'a/b'), tie('value')), { maxLength: 3 })
      .map((pairs) => new Map(pairs)),
  ),
})).value;
const keysToSet = fc.array(fc.tuple(key, value), { maxLength: 4 }).map((pairs) => new Map(pairs));
const keysNamed = fc.array(key, { maxLength: 4 });

const expiry = fc.record(
  {
    duration: fc.constantFrom(0, 0.5, 2, 10, 60, 3_600),
    deleteSession: fc.boolean(),
    extendOnSetAdd: fc.boolean(),
    extendOnGet: fc.boolean(),
    maxAge: fc.constantFrom(1.25, 30, 500),
  },
  { requiredKeys: ['duration'] },
);

const optional = { requiredKeys: [] };
const starting = { expiry, keys: keysToSet, owner };

/** Bodies by command; the names without SH_ are those of data. */
const DATA: Readonly<Record<string, fc.Arbitrary<Body>>> = {
  SET: fc.record({ keys: keysToSet }),
  ADD: fc.record({ keys: keysToSet }),
  GET: fc.record({ keys: keysNamed, version: fc.boolean() }, { requiredKeys: ['keys'] }),
  GET_ALL: fc.constant({}),
  RMV: fc.record({ keys: fc.array(key, { minLength: 1, maxLength: 4 }) }),
  CONTAINS: fc.record({ keys: keysNamed }),
  KEYS: fc.constant({}),
  COUNT: fc.constant({}),
  CLEAR: fc.constant({}),
  CLEAR_SET: fc.record({ keys: keysToSet }),
  INC: fc.record({ key, by: number }, { requiredKeys: ['key'] }),
  TAKE: fc.record({ keys: keysNamed }),
  CAS: fc.record(
    { version: fc.constantFrom(0, 0, 1), set: keysToSet, rmv: keysNamed },
    { requiredKeys: ['version'] },
  ),
  UPDATE: fc.record({
    key,
    path: fc.constantFrom('', '/0', '/x', '/x/y', '/a~1b', '/1/x', '/00', '/x/0/y'),
    value,
  }),
  FIND: fc.record(
    {
      path: fc.constantFrom('$', '$.x', '$.x.y', '$[0]', '$[*]', '$..x', '$.y[1]', '$.*[*]'),
      rsp: fc.constantFrom('keys', 'paths', 'kv'),
      keys: keysNamed,
    },
    { requiredKeys: ['path', 'rsp'] },
  ),
};
const LIFE: Readonly<Record<string, fc.Arbitrary<Body>>> = {
  SH_NEW: fc.oneof(
    { weight: 5, arbitrary: fc.record(starting, optional) },
    fc.record({ ...starting, name, shared: fc.boolean() }, { requiredKeys: ['name'] }),
  ),
  SH_OPEN: fc.record({ ...starting, name, create: fc.boolean() }, { requiredKeys: ['name'] }),
  SH_END: fc.constant({}),
  SH_WATCH: fc.constant({}),
  SH_UNWATCH: fc.constant({}),
  SH_END_ALL: fc.record({ owner, except: recent }, { requiredKeys: ['owner'] }),
  SH_EXISTS: fc.record({ tkns: fc.array(recent, { maxLength: 6 }) }),
  SH_INFO: fc.constant({}),
  SH_INFO_ALL: fc.constant({}),
  SH_TOUCH: fc.constant({}),
  SH_EXPIRE: fc.record({ expiry: fc.option(expiry, { freq: 4 }) }),
  SH_ROTATE: fc.record({ grace: fc.constantFrom(0, 0.25, 3, 100) }, optional),
  SH_SET_OWNER: fc.record({ owner: fc.option(owner, { freq: 4 }) }),
  SH_LIST: fc.record({ owner }),
  SH_END_ID: fc.record({ owner, id: recent }),
};
const WITHOUT_TOKEN = [
  'SH_NEW',
  'SH_OPEN',
  'SH_END_ALL',
  'SH_EXISTS',
  'SH_INFO_ALL',
  'SH_LIST',
  'SH_END_ID',
];
const WEIGHTS: Readonly<Record<string, number>> = {
  SH_NEW: 8,
  SH_ROTATE: 5,
  SH_WATCH: 5,
  SH_UNWATCH: 1,
  SH_SET_OWNER: 3,
  SH_LIST: 3,
  SH_INFO: 4,
  SH_END_ALL: 1,
};

const dataBody = fc
  .constantFrom(...Object.keys(DATA))
  .chain((command) => DATA[command]!.map((body) => ({ command, body })));
const badDataBody = fc
  .constantFrom(...BAD_DATA_COMMANDS)
  .map(({ name: command, body, status }) => ({ command, body, refused: status }));
const batched = fc
  .oneof({ weight: 19, arbitrary: dataBody }, badDataBody)
  .map(({ command, body, ...rest }) => {
    // A version within a batch is the one that it has come to: hardly ever known.
    const known = command === 'CAS' && !('refused' in rest) ? { ...body, version: 0n } : body;
    return [`SH_${command}`, known, ...Object.values(rest)];
  });
const batchBody = fc.record({ cmds: fc.array(batched, { minLength: 1, maxLength: 5 }) });

function lifeCommand(connection: fc.Arbitrary<number>): fc.Arbitrary<ModelCommand> {
  const choices = Object.entries(LIFE).map(([command, body]) => {
    const token = WITHOUT_TOKEN.includes(command) ? fc.constant('none' as const) : recent;
    const arbitrary = fc.record({ connection, name: fc.constant(command), token, body });
    return { weight: WEIGHTS[command] ?? 2, arbitrary };
  });
  return fc.oneof(...choices);
}

function dataCommand(connection: fc.Arbitrary<number>): fc.Arbitrary<ModelCommand> {
  const token = fc.oneof({ weight: 9, arbitrary: recent }, fc.constant('none' as const));
  const bad = fc
    .constantFrom(...BAD_DATA_COMMANDS, ...BAD_BATCHES)
    .map((each) => ({ command: each.name, body: each.body, refused: each.status }));
  const body = fc.oneof(
    { weight: 12, arbitrary: dataBody },
    batchBody.map((each) => ({ command: 'BATCH', body: each })),
    bad,
  );
  return fc
    .tuple(connection, token, body, fc.nat(9))
    .map(([at, tkn, { command, ...rest }, kv]) => ({
      connection: at,
      name: `${tkn === 'none' || kv === 0 ? 'KV' : 'SH'}_${command}`,
      token: tkn,
      ...rest,
    }));
}

function badCommand(connection: fc.Arbitrary<number>): fc.Arbitrary<ModelCommand> {
  return fc
    .tuple(connection, fc.constantFrom(...BAD_LIFE_COMMANDS), recent)
    .map(([at, { name: command, body, status }, token]) => {
      const needsNone = WITHOUT_TOKEN.includes(command);
      return {
        connection: at,
        name: command,
        token: needsNone ? 'none' : token,
        body,
        refused: status,
      };
    });
}

export type ModelStep = ModelCommand | { readonly advanceMs: number };

/** Commands on so many connections, and time that goes on. */
export function modelSteps(connections: number): fc.Arbitrary<ModelStep[]> {
  const connection = fc.nat(connections - 1);
  const advance = fc.constantFrom(1, 249, 500, 500, 1_250, 2_000, 3_000, 10_000, 61_000);
  return fc.array(
    fc.oneof(
      { weight: 4, arbitrary: lifeCommand(connection) },
      { weight: 6, arbitrary: dataCommand(connection) },
      { weight: 1, arbitrary: badCommand(connection) },
      { weight: 1, arbitrary: advance.map((advanceMs) => ({ advanceMs })) },
    ),
    { minLength: 1, maxLength: 80, size: 'max' },
  );
}

/** Commands on the session of one connection, to be sent without waiting for replies. */
export function pipelinedSteps(): fc.Arbitrary<ModelCommand[]> {
  const plain = ['SH_INFO', 'SH_TOUCH', 'SH_EXPIRE', 'SH_SET_OWNER', 'SH_SET_OWNER', 'SH_UNWATCH'];
  const life = fc
    .constantFrom(...plain)
    .chain((name) => LIFE[name]!.map((body) => ({ connection: 0, name, token: 0 as const, body })));
  const data = dataCommand(fc.constant(0))
    .map((command) => ({
      ...command,
      name: command.name.replace('KV_', 'SH_'),
      token: 0 as TokenChoice,
    }))
    // Versions depend on what is still on its way.
    .filter(({ name }) => !name.endsWith('CAS'));
  const one = fc.oneof({ weight: 3, arbitrary: data }, life);
  return fc.array(one, { minLength: 2, maxLength: 60, size: 'max' });
}
