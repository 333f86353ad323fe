/** Every --help text. That of serve is made from the table of options. Fits 100 columns. */
import {
  environmentNameOf,
  flagOf,
  OPTION_NAMES,
  specOf,
  type OptionName,
  type OptionSpec,
} from '../config/options.js';
import { sizeText, TEXT_LENGTH_MAX, valueText } from '../config/values.js';

const COLUMNS_MAX = 100;
const EXAMPLE: OptionName = 'maxInFlight';

export const MAIN_HELP = `Sojourn, an in-memory session database.

Usage: sojourn <command> [...]

  serve       start a server; sojourn serve --help lists its flags
  call        send one command to a server and print the reply
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

export const REFERENCE_HELP = `Prints a page of the documentation that is made from the code.

Usage: sojourn reference commands|configuration
       sojourn reference --write DIRECTORY

  --write DIRECTORY   write both pages there: COMMANDS.md, CONFIGURATION.md
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
  return `Starts a server. Sessions are kept in memory only.

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
  return { text: ' TEXT', choice: ' WORD', count: ' N', bytes: ' SIZE', seconds: ' S' }[spec.kind];
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
