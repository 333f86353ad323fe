/** Every --help text. That of serve is made from the table of options. Fits 100 columns. */
import {
  environmentNameOf,
  flagOf,
  OPTION_NAMES,
  specOf,
  type OptionName,
  type OptionSpec,
} from '../config/options.js';
import { RIGHT_NAMES } from '../core/rights.js';
import { sizeText, TEXT_LENGTH_MAX, valueText } from '../config/values.js';

const COLUMNS_MAX = 100;
const EXAMPLE: OptionName = 'maxInFlight';

const PLACEHOLDERS = {
  text: ' TEXT',
  choice: ' WORD',
  count: ' N',
  bytes: ' SIZE',
  seconds: ' S',
  ratio: ' R',
} as const;

export const MAIN_HELP = `Sojourn, a session database in memory and on disk.

Usage: sojourn <command> [...]

  serve       start a server; sojourn serve --help lists its flags
  call        send one command to a server and print the reply
  snapshot    have a running server write a snapshot of all it holds
  check       read a data directory and say what is in it and whether it is whole
  repair      make a damaged data directory usable again, losing as little as possible
  inspect     print a file of a data directory as JSON lines
  user        make a member for the file of users (serve --users)
  reference   print a page of the documentation that is made from the code

  --help      this text; also after a command
  --version   the version
`;

export const CALL_HELP = `Sends one command to a server and prints the reply as JSON on one line.

Usage: sojourn call COMMAND ['{json body}'] [--tkn T] [--url ws://127.0.0.1:1987]

  COMMAND     such as SH_NEW; docs/COMMANDS.md lists them all
  body        parameters of the command, a JSON object                [default {}]
  --tkn T     token of the session; whoever reads it can use the session
  --url URL   where the server is                                     [default ws://127.0.0.1:1987]

Exit code: 0 the status is ok, 1 it is not or the server cannot be reached, 2 bad usage.
`;

export const SNAPSHOT_HELP = `Has a running server write a snapshot of all that it holds, and waits until it is on the disk.
Commands go on meanwhile. What is older than the snapshots kept is removed from the log.

Usage: sojourn snapshot [--url ws://127.0.0.1:1987]

  --url URL   where the server is                                     [default ws://127.0.0.1:1987]

Exit code: 0 it is there, 1 it is not or the server cannot be reached, 2 bad usage.
`;

export const CHECK_HELP = `Reads a data directory and says what is in it and whether it is whole. Changes nothing.

Usage: sojourn check DIRECTORY [--json]

  DIRECTORY   what a server is given as --data-dir
  --json      one JSON object instead of lines

While a server runs on the directory, its newest entries may look torn, because they are being
written.

Exit code: 0 all is well, 1 something is damaged or cannot be read, 2 bad usage.
`;

export const REPAIR_HELP = `Makes a damaged data directory usable again, losing as little as possible.

Usage: sojourn repair DIRECTORY [--dry-run]

  DIRECTORY   what a server is given as --data-dir; no server may be running on it
  --dry-run   say what would be done and lost, and change nothing

First copies the whole directory to DIRECTORY.before-repair-<time>. Does nothing, and copies
nothing, where nothing is damaged.

Exit code: 0 it is usable now, or was already; 1 it is not; 2 bad usage. With --dry-run: 0 there
is nothing to repair, 1 there is.
`;

export const INSPECT_HELP = `Prints a file of a data directory as JSON lines.

Usage: sojourn inspect FILE

  FILE        a log segment, a snapshot, a file of a saved set; of a secret only its header

The first line is the file's header. Then, of a log, a line for each batch and one for each entry
in it; of a snapshot or a saved set, a line for each chunk and one for each session in it.
Sessions are named by their id, as SH_INFO gives it. Binary values are base64.

Exit code: 0 all was read, 1 a part cannot be read (the last line says where and why), 2 bad usage.
`;

export const USER_HELP = `Prints a member for the file of users that sojourn serve --users reads.

Usage: sojourn user NAME [--rights R,R,...] < FILE-WITH-THE-SECRET
       sojourn user NAME [--rights R,R,...] --random

  NAME        1 to 128 of printable ASCII, no space, no colon
  --rights    ${RIGHT_NAMES.join(', ')}               [default sessions]
  --random    make a secret and print it, once, on standard error

The secret is the first line of standard input. Only its scrypt hash is printed. The file is
{"users":[...]} with one member each, readable by its owner only.

Exit code: 0 done, 2 bad usage.
`;

export const REFERENCE_HELP = `Prints a page of the documentation that is made from the code.

Usage: sojourn reference commands|configuration|counters
       sojourn reference --write DIRECTORY

  --write DIRECTORY   write all there: COMMANDS.md, CONFIGURATION.md, COUNTERS.md
`;

export function serveHelp(): string {
  const rows = OPTION_NAMES.map((name) => rowOf(name));
  const flagWidth = Math.max(...rows.map((row) => row.flag.length));
  const defaultWidth = Math.max(...rows.map((row) => row.default.length));
  const indent = 2 + flagWidth + 2 + defaultWidth + 2;
  const lines = rows.flatMap((row) => {
    const [first = '', ...rest] = wrapped(row.help, COLUMNS_MAX - indent);
    const head = `  ${row.flag.padEnd(flagWidth)}  ${row.default.padEnd(defaultWidth)}  ${first}`;
    return [head, ...rest.map((line) => ' '.repeat(indent) + line)];
  });
  return `Starts a server. What was acknowledged survives in --data-dir, unless --memory is given.

Usage: sojourn serve [flags]

  ${'flag'.padEnd(flagWidth)}  ${'default'.padEnd(defaultWidth)}  meaning (limits)
${lines.join('\n')}

Sizes may be written 65536, 64KiB, 1.5MiB, 1GiB. Each flag has an environment name
(--${flagOf(EXAMPLE)} is ${environmentNameOf(EXAMPLE)}) and a name in the config file
(${EXAMPLE}). Flags win over the environment, the environment over the file.
`;
}

function rowOf(name: OptionName): { flag: string; default: string; help: string } {
  const spec = specOf(name);
  const limits = limitsOf(spec);
  return {
    flag: `--${flagOf(name)}${placeholderOf(spec)}`,
    default: spec.kind === 'text' && spec.default === '' ? 'none' : valueText(spec, spec.default),
    help: `${spec.help} (${limits})`,
  };
}

function placeholderOf(spec: OptionSpec): string {
  if (spec.kind === 'switch') return '';
  return PLACEHOLDERS[spec.kind];
}

/** What an option may be, in a few characters: 1 to 64; auto, uws or ws. */
export function limitsOf(spec: OptionSpec): string {
  if (spec.kind === 'text') return `at most ${TEXT_LENGTH_MAX} characters`;
  if (spec.kind === 'switch') return 'on or off';
  if (spec.kind === 'choice') {
    return `${spec.choices.slice(0, -1).join(', ')} or ${spec.choices.at(-1) ?? ''}`;
  }
  if (spec.kind === 'bytes') return `${sizeText(spec.min)} to ${sizeText(spec.max)}`;
  return `${spec.min} to ${spec.max}`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
