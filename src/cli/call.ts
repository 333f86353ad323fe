/**
 * sojourn call: one command in the text dialect, one reply. The body travels as it was written and
 * the reply is printed as it came, so that integers beyond 2^53 survive. A token given with --tkn
 * is a secret: no message of ours repeats it.
 */
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { isOkStatus, statusNameOf, STATUSES } from '../core/statuses.js';
import { tokenFromText } from '../protocol/token.js';
import { EXIT_FAILED, EXIT_OK, OperationError, UsageError } from './exit.js';
import { CALL_HELP } from './help.js';

const DEFAULT_URL = 'ws://127.0.0.1:1987';
/** For connecting and for the reply, each. */
const TIMEOUT_MS = 10_000;
/** Above the largest --max-payload and the largest session. */
const REPLY_BYTES_MAX = 256 * 1_024 * 1_024;

interface Call {
  readonly url: string;
  readonly frame: string;
}

export async function call(args: readonly string[]): Promise<number> {
  const request = callFrom(args);
  if (request === undefined) {
    process.stdout.write(CALL_HELP);
    return EXIT_OK;
  }
  const reply = await exchange(request);
  process.stdout.write(`${reply}\n`);
  const status = statusOf(reply);
  if (status === undefined) throw new OperationError(`the reply holds no status`);
  if (isOkStatus(status)) return EXIT_OK;
  const name = statusNameOf(status);
  const help = name === undefined ? 'unknown to this version' : `${name}, ${STATUSES[name].help}`;
  process.stderr.write(`sojourn: status ${status}: ${help}\n`);
  return EXIT_FAILED;
}

/** The call that the arguments ask for; undefined when they ask for help. */
export function callFrom(args: readonly string[]): Call | undefined {
  const { values, positionals } = parsed(args);
  if (values.help === true) return undefined;
  const [command, body = '{}', ...others] = positionals;
  if (command === undefined || command === '') throw new UsageError('call: needs a COMMAND');
  if (others.length > 0) {
    throw new UsageError('call: expected a COMMAND and one JSON body; quote the body');
  }
  const members = membersOf(body);
  if (values.tkn !== undefined && Object.hasOwn(members, 'tkn')) {
    throw new UsageError('call: the token is given twice, by --tkn and in the body');
  }
  const url = values.url ?? DEFAULT_URL;
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) {
    throw new UsageError('call: --url must be ws://host:port or wss://host:port');
  }
  return { url, frame: `{${JSON.stringify(command)}:${withToken(body, members, values.tkn)}}` };
}

function parsed(args: readonly string[]): {
  readonly values: { readonly tkn?: string; readonly url?: string; readonly help?: boolean };
  readonly positionals: readonly string[];
} {
  try {
    const text = { type: 'string' } as const;
    const help = { type: 'boolean', short: 'h' } as const;
    const options = { tkn: text, url: text, help };
    return parseArgs({ args: withTokenJoined(args), options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`call: ${firstSentenceOf(error)}`);
  }
}

/** `--tkn T` as `--tkn=T`: one token in 64 begins with a hyphen and would pass for a flag. */
function withTokenJoined(args: readonly string[]): string[] {
  const joined = [...args];
  const at = joined.indexOf('--tkn');
  const token = joined[at + 1] ?? '';
  if (at >= 0 && tokenFromText(token) !== undefined) joined.splice(at, 2, `--tkn=${token}`);
  return joined;
}

/** Node's message names the flag and never its value; what follows is advice on `--`. */
function firstSentenceOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split(/\.\s|\n/, 1)[0] ?? message;
}

function membersOf(body: string): object {
  let members: unknown;
  try {
    members = JSON.parse(body);
  } catch {
    // The parser's message would repeat the body, which may hold a token.
    throw new UsageError('call: the body is not JSON');
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members)) {
    throw new UsageError('call: the body must be a JSON object');
  }
  return members;
}

function withToken(body: string, members: object, token: string | undefined): string {
  if (token === undefined) return body;
  const rest = body.slice(body.indexOf('{') + 1);
  const comma = Object.keys(members).length === 0 ? '' : ',';
  return `{"tkn":${JSON.stringify(token)}${comma}${rest}`;
}

function exchange(request: Call): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      socket.terminate();
      // The host alone: a URL may hold a password.
      reject(new OperationError(`${new URL(request.url).host}: ${why}`));
    };
    let isOpen = false;
    const socket = new WebSocket(request.url, {
      handshakeTimeout: TIMEOUT_MS,
      maxPayload: REPLY_BYTES_MAX,
      perMessageDeflate: false,
    });
    let timer: NodeJS.Timeout | undefined;
    socket.on('open', () => {
      isOpen = true;
      timer = setTimeout(() => fail(`no reply within ${TIMEOUT_MS / 1_000} s`), TIMEOUT_MS);
      socket.send(request.frame);
    });
    socket.on('message', (reply) => {
      clearTimeout(timer);
      socket.close();
      resolve((reply as Buffer).toString('utf8'));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code ?? error.message;
      fail(isOpen ? reason : `cannot connect: ${reason}`);
    });
    socket.on('close', (code, reason) => {
      const why = reason.length === 0 ? '' : ` (${reason.toString('utf8')})`;
      fail(`closed with code ${code}${why} before the reply`);
    });
  });
}

/** The status in {"X_RSP":{"st":n}} or {"ERR":{"st":n}}. */
function statusOf(reply: string): number | undefined {
  try {
    const members = Object.values(JSON.parse(reply) as Record<string, { readonly st?: unknown }>);
    const status = members.find((member) => typeof member?.st === 'number')?.st;
    return status as number | undefined;
  } catch {
    return undefined;
  }
}
