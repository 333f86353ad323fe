/** Random commands for the reference model, for fast-check to make and to shrink. */
import fc from 'fast-check';
import { BAD_BATCHES, BAD_DATA_COMMANDS, BAD_LIFE_COMMANDS } from './bad-commands.js';
import type { ModelCommand, TokenChoice } from './model-driver.js';
import type { Value } from './model-values.js';
import type { Body } from './reference-model.js';

const OWNERS = ['ann', 'ann', 'zoë'];
const NAMES = ['settings', 'größe'];
const SETS = ['one', 'two'];
const KEYS = ['a', 'b', 'c', '', 'schlüssel', 'k'.repeat(40)];

const LONG_TEXT = 'x'.repeat(300);

const recent: fc.Arbitrary<TokenChoice> = fc.oneof(
  { weight: 12, arbitrary: fc.nat(3) },
  { weight: 6, arbitrary: fc.nat(30) },
  { weight: 1, arbitrary: fc.constant('unknown' as const) },
);
const key = fc.constantFrom(...KEYS);
const owner = fc.constantFrom(...OWNERS);
const name = fc.constantFrom(...NAMES);
const set = fc.constantFrom(...SETS);

const number: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 300 }).map(BigInt) },
  fc.constantFrom(2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 65_536n),
  fc.constantFrom(0.5, -1.5, 2, 1e300),
);
const leaf: fc.Arbitrary<Value> = fc.oneof(
  { weight: 3, arbitrary: number },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Value[]>(null, true, false, '', 'text', LONG_TEXT, 'ü'.repeat(150)),
  },
  // Some of them are more than a session may have.
  { weight: 1, arbitrary: fc.constantFrom(LONG_TEXT.repeat(60), LONG_TEXT) },
);
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom('x', 'y', 'a/b'), tie('value')), { maxLength: 3 })
      .map((pairs) => Object.fromEntries(pairs)),
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

/** Of those to save: one at least. */
const TOKENS = { minLength: 1, maxLength: 6 };
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
  SV_PING: fc.constant({}),
};
const SAVED: Readonly<Record<string, fc.Arbitrary<Body>>> = {
  SH_SAVE: fc.record({ name: set, tkns: fc.array(recent, TOKENS) }, { requiredKeys: ['name'] }),
  SH_LOAD: fc.record({ name: set }),
  KV_SAVE: fc.record({ name: set }),
  KV_LOAD: fc.record({ name: set }),
};
const WITHOUT_TOKEN = [
  'SH_NEW',
  'SH_OPEN',
  'SH_END_ALL',
  'SH_EXISTS',
  'SH_INFO_ALL',
  'SH_LIST',
  'SH_END_ID',
  'SV_PING',
  'KV_RMV',
  ...Object.keys(SAVED),
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
  SV_PING: 1,
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

function oneOf(
  commands: typeof LIFE,
  connection: fc.Arbitrary<number>,
): fc.Arbitrary<ModelCommand> {
  const choices = Object.entries(commands).map(([command, body]) => {
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

/** Sessions, or the default map, that go or change between a save and its load. */
function savedAndLoaded(connection: fc.Arbitrary<number>): fc.Arbitrary<ModelCommand[]> {
  const changes: typeof LIFE = {
    SH_END: fc.constant({}),
    SH_ROTATE: LIFE['SH_ROTATE']!,
    SH_END_ALL: fc.constant({}),
    KV_RMV: DATA['RMV']!,
  };
  const ofSet = (command: string): fc.Arbitrary<ModelCommand> =>
    oneOf({ [command]: fc.constant({ name: SETS[0] }) }, connection);
  return fc
    .constantFrom('SH', 'KV')
    .chain((kind) =>
      fc.tuple(ofSet(`${kind}_SAVE`), oneOf(changes, connection), ofSet(`${kind}_LOAD`)),
    );
}

export type ModelStep = ModelCommand | { readonly advanceMs: number } | 'restart';

/** Commands on so many connections, time that goes on, and restarts of a server that may have them. */
export function modelSteps(connections: number, isOnDisk: boolean): fc.Arbitrary<ModelStep[]> {
  const connection = fc.nat(connections - 1);
  const advance = fc.constantFrom(1, 249, 500, 500, 1_250, 2_000, 3_000, 10_000, 61_000);
  const steps = fc.oneof(
    { weight: 200, arbitrary: oneOf(LIFE, connection) },
    { weight: isOnDisk ? 25 : 4, arbitrary: oneOf(SAVED, connection) },
    { weight: isOnDisk ? 25 : 0, arbitrary: savedAndLoaded(connection) },
    { weight: 300, arbitrary: dataCommand(connection) },
    { weight: 50, arbitrary: badCommand(connection) },
    { weight: 50, arbitrary: advance.map((advanceMs) => ({ advanceMs })) },
    { weight: isOnDisk ? 1 : 0, arbitrary: fc.constant('restart' as const) },
  );
  return fc.array(steps, { minLength: 1, maxLength: 80, size: 'max' }).map((each) => each.flat());
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
