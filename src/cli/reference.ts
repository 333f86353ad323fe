/**
 * Renders the pages of the documentation that are made from the code: docs/COMMANDS.md from the
 * catalogue and the statuses, docs/CONFIGURATION.md from the table of options, docs/COUNTERS.md from
 * those of the counters. A test fails when the pages in the tree are not what this file renders.
 */
import { environmentNameOf, flagOf, OPTION_NAMES, specOf } from '../config/options.js';
import { valueText } from '../config/values.js';
import { IO_COUNTERS, SHARD_COUNTERS } from '../core/counters.js';
import { STATUSES } from '../core/statuses.js';
import { CATALOGUE, KV_OFFSET } from '../protocol/catalogue.js';
import type { CommandSpec } from '../protocol/command-rows.js';
import type { Member, Members, ValueType } from '../protocol/value-types.js';
import { limitsOf } from './help.js';

const MADE = '<!-- Made from the code by `npm run docs`. Do not edit. -->';

/** What each type of the catalogue is on the wire, in both dialects. */
const TYPES: Readonly<Record<ValueType, string>> = {
  str: 'UTF-8 text',
  strOrNil: 'UTF-8 text, or nil (`null`) for none',
  bool: 'true or false',
  uint: 'whole number from 0 to 2^53 - 1',
  seconds: 'number of seconds, fractions allowed',
  number: 'integer from -2^63 to 2^64 - 1, or a float',
  any: 'anything that msgpack or JSON can say',
  map: 'map from key names to values; a value may be anything that msgpack or JSON can say',
  keys: 'array of key names; a name is 0 to 512 bytes of UTF-8',
  token:
    '24 bytes: `bin` in the native dialect, 32 base64url characters in the text dialect; 8 bytes and an integer with `--token-form uint64`',
  tokens: 'array of tokens',
  expiry: '`{duration?, deleteSession?, extendOnSetAdd?, extendOnGet?, maxAge?}`, see below',
  expiryOrNil: 'expiry, or nil (`null`) for none',
  sessions:
    'array of `{id, created, lastUsed, remaining?, keyCnt}`; instants in Unix seconds, `remaining` in seconds',
  found: 'array of key names, or map from key names to values',
  cmds: 'array of `[op, body]`; in the text dialect, the name may stand for the number',
  rsps: 'array of `[st, body]`',
  stats: 'array of maps from names to numbers',
  durations:
    'array, by thread, of arrays of `[ms, count]`: so many took less than that, and not less than the one before',
  expiryState: 'all members of an expiry (`maxAge` only if set) and `remaining: seconds`',
};

type Row = readonly [name: string, spec: CommandSpec];

const GROUPS: readonly { readonly title: string; readonly has: (row: Row) => boolean }[] = [
  { title: 'Session life', has: (row) => !isServer(row) && !isData(row) && !isSaving(row) },
  { title: 'Session data', has: isData },
  { title: 'Saving and loading', has: (row) => !isServer(row) && isSaving(row) },
  { title: 'Server', has: isServer },
];

function isServer([name]: Row): boolean {
  return name.startsWith('SV_');
}

function isData([, spec]: Row): boolean {
  return spec.onDefaultMap;
}

function isSaving([, spec]: Row): boolean {
  return spec.place === 'main';
}

export function commandsPage(): string {
  const groups = GROUPS.map(({ title, has }) => {
    const commands = Object.entries(CATALOGUE).filter(has);
    return `### ${title}\n\n${commandTable(commands, commands.every(isData))}`;
  });
  return `# Commands

${MADE}

Every command has a name, which the text dialect uses, and a number (op), which the native dialect
uses. Both dialects know the same commands with the same parameters, results and statuses.
[PROTOCOL.md](PROTOCOL.md) says how they travel.

## Commands

A \`?\` marks a member that may be absent. Members that a command does not know are ignored. All
\`SH_\` commands need the token of a session, except those that start, open, count or look for
sessions: \`SH_NEW\`, \`SH_OPEN\`, \`SH_END_ALL\`, \`SH_END_ID\`, \`SH_EXISTS\`, \`SH_INFO_ALL\`,
\`SH_LIST\`, \`SH_SAVE\`, \`SH_LOAD\`. A \`KV_\` command that reads or writes data is the \`SH_\` command of the same name on
the default map, its op ${KV_OFFSET} higher; it needs no token. With a token it means the \`SH_\`
command.

Where the server has users ([OPERATING](OPERATING.md#users-and-rights)), a command needs the right that its
row names; \`any\`: one right at least, whichever; \`-\`: none, not even a user. A \`KV_\` command that reads or writes data
needs \`default-map\`.

${groups.join('\n\n')}

## Types

${table(
  ['type', 'what it is'],
  Object.entries(TYPES).map(([name, text]) => [code(name), text]),
)}

### Expiry

${table(
  ['member', 'type', 'default', 'meaning'],
  EXPIRY_MEMBERS.map(([name, type, initial, text]) => [code(name), type, initial, text]),
)}

The deadline is the earlier of the last extension plus \`duration\` and the creation plus \`maxAge\`.
An extension restarts the idle clock; it never adds to what is left and never passes \`maxAge\`. A
negative time or one that is not a number has status 41, one beyond 100 years 42. With
\`deleteSession: false\` the idle clock restarts from the deadline itself, so what is found later does
not depend on when anyone looked. Writing commands are marked write in the tables, reading ones read.

## Statuses

Class ok is success. Class caller: the request must change. Class retry: the same request may succeed
later. Class server: our fault. Any command may answer 2, 3, 10, 13, 26, 41, 42, 203, 204, 209 and
1000; any command on a session 100 and 110; any that stores 205; any that changes something 210.
Where the server has users, any may answer 200 and 201.

${table(
  ['status', 'name', 'class', 'meaning'],
  Object.entries(STATUSES).map(([name, spec]) => [
    String(spec.code),
    code(name),
    spec.class,
    spec.help,
  ]),
)}
`;
}

const EXPIRY_MEMBERS = [
  ['duration', 'seconds', '0', 'idle time after which the session is due; 0: no idle limit'],
  [
    'deleteSession',
    'bool',
    'false',
    'when due: true ends the session, false removes its data and keeps the session and its token',
  ],
  ['extendOnSetAdd', 'bool', 'false', 'every writing command restarts the idle clock'],
  ['extendOnGet', 'bool', 'false', 'every reading command restarts the idle clock'],
  ['maxAge', 'seconds', 'none', 'time after its creation at which the session ends, whatever else'],
] as const;

function commandTable(commands: readonly Row[], areData: boolean): string {
  const head = ['op', 'command', 'body', 'result', 'own statuses', 'right', 'notes'];
  const rows = commands.map(([name, spec]) => {
    const notes = areData ? `${spec.summary} (${spec.access})` : spec.summary;
    const row = [
      String(spec.op),
      code(name),
      membersText(spec.params),
      membersText(spec.result),
      spec.statuses.length === 0 ? '-' : spec.statuses.join(', '),
      rightText(spec),
      notes,
    ];
    if (areData) row.splice(1, 0, String(spec.op + KV_OFFSET));
    return row;
  });
  if (areData) head.splice(1, 0, 'KV op');
  return table(head, rows);
}

function rightText({ right = 'sessions', rightWithout }: CommandSpec): string {
  if (right === 'none') return '-';
  if (rightWithout === undefined) return right;
  return `${right}; without ${code(rightWithout.member)} ${rightWithout.right}`;
}

function membersText(members: Members): string {
  const entries = Object.entries(members);
  return entries.length === 0 ? '-' : entries.map(memberText).join('<br>');
}

function memberText([name, member]: readonly [string, Member]): string {
  return `${code(`${name}${member.optional ? '?' : ''}: ${member.type}`)} ${member.help}`;
}

export function configurationPage(): string {
  const rows = OPTION_NAMES.map((name) => {
    const spec = specOf(name);
    const initial = spec.default === '' ? 'none' : code(valueText(spec, spec.default));
    return [
      code(`--${flagOf(name)}`),
      code(environmentNameOf(name)),
      code(name),
      initial,
      limitsOf(spec),
      spec.help,
    ];
  });
  return `# Configuration

${MADE}

Every setting can be given as a flag of \`sojourn serve\`, as an environment variable and as a member
of a JSON file (\`--config FILE\`). Flags win over the environment, the environment over the file, the
file over the defaults. Settings are read once, at the start.

${table(['flag', 'environment', 'file', 'default', 'limits', 'meaning'], rows)}

- Sizes are bytes. They may be written \`1048576\`, \`64KiB\`, \`1.5MiB\`, \`1GiB\`.
- On and off are \`true\` and \`false\` in the environment and in the file. As a flag alone means on.
- \`--io-threads 0\` and \`--shards 0\` share the cores between them, three fifths and two, at least one of
  each and at most 64; where one is given, the other takes no more than the cores that are left. So there are
  no more busy threads than cores where that is possible, see [OPERATING](OPERATING.md#threads-and-cores). Where
  I/O threads cannot share a port (not on Linux, or the ws transport before Node 23.1), there is one.
- Unknown flags, unknown \`SOJOURN_\` variables, unknown members of the file and values out of their
  limits are reported all at once, and the server does not start (exit code 2). A file that cannot be
  read, an address that cannot be had, or a data directory that cannot be used (in use by another
  server, damaged, not writable) is exit code 1.
- \`--data-dir\` is relative to the working directory. \`--fsync always\` loses nothing that was
  acknowledged; \`everysec\` at most about a second, and only if the machine goes down; \`no\` what the
  system has not written by then, and only if the machine goes down. A clean stop loses nothing.
- Kubernetes adds variables such as \`SOJOURN_PORT=tcp://...\` and \`SOJOURN_SERVICE_HOST\` to the pods
  beside a service named \`sojourn\`. Switch them off with \`enableServiceLinks: false\`, or give the
  service another name.

An example of a file:

\`\`\`json
{ "host": "0.0.0.0", "shards": 3, "maxMemory": "4GiB", "evict": "soonest" }
\`\`\`
`;
}

export function countersPage(): string {
  const tableOf = (counters: Readonly<Record<string, string>>): string =>
    table(
      ['counter', 'what it counts'],
      Object.entries(counters).map(([name, text]) => [code(name), text]),
    );
  return `# Counters

${MADE}

What \`SV_STATS\` answers, of each thread since its start: \`io\` has a map for each I/O thread,
\`shards\` one for each shard. [OPERATING](OPERATING.md#watchers-events-and-figures) says what to
look at.

## I/O threads

${tableOf(IO_COUNTERS)}

## Shards

${tableOf(SHARD_COUNTERS)}
`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** A bar would end the cell. */
function cellText(text: string): string {
  return text.replaceAll('|', '\\|');
}
