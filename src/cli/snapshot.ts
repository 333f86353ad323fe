/** sojourn snapshot: asks a running server for a snapshot, waits for it and says what is in it. */
import { parseArgs } from 'node:util';
import { connect } from '../client/client.js';
import { SojournError } from '../client/errors.js';
import type { ResultOf } from '../protocol/catalogue.js';
import { EXIT_OK, OperationError, UsageError } from './exit.js';
import { SNAPSHOT_HELP } from './help.js';

const DEFAULT_URL = 'ws://127.0.0.1:1987';
/** A snapshot of many gigabytes on a busy machine and a slow disk takes its time. */
const TIMEOUT_MS = 24 * 3_600_000;
const MIB = 1_024 * 1_024;

export async function snapshot(args: readonly string[]): Promise<number> {
  const url = snapshotUrlFrom(args);
  if (url === undefined) {
    process.stdout.write(SNAPSHOT_HELP);
    return EXIT_OK;
  }
  process.stdout.write(`${snapshotLine(await requestSnapshot(url))}\n`);
  return EXIT_OK;
}

/** The server that the arguments name; undefined when they ask for help. */
export function snapshotUrlFrom(args: readonly string[]): string | undefined {
  const { url = DEFAULT_URL, help } = parsed(args);
  if (help === true) return undefined;
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) {
    throw new UsageError('snapshot: --url must be ws://host:port or wss://host:port');
  }
  return url;
}

function parsed(args: readonly string[]): { readonly url?: string; readonly help?: boolean } {
  try {
    const options = { url: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(`snapshot: ${message.split(/\.\s|\n/, 1)[0] ?? message}`);
  }
}

/** One line, such as: snapshot: 1000000 sessions, 3000000 keys, 154.2 MiB in 3.1 s */
export function snapshotLine(result: ResultOf<'SV_SNAPSHOT'>): string {
  const { sessions, keys, bytes, duration } = result;
  const size = `${(bytes / MIB).toFixed(1)} MiB`;
  return `snapshot: ${sessions} sessions, ${keys} keys, ${size} in ${(duration / 1_000).toFixed(1)} s`;
}

async function requestSnapshot(url: string): Promise<ResultOf<'SV_SNAPSHOT'>> {
  // The host alone: a URL may hold a password.
  const { host } = new URL(url);
  try {
    const client = await connect(url, { timeoutMs: TIMEOUT_MS, reconnect: false });
    try {
      return await client.snapshot();
    } finally {
      await client.close(0);
    }
  } catch (error) {
    if (!(error instanceof SojournError)) throw error;
    const status = error.status === 0 ? '' : `status ${error.status}: `;
    throw new OperationError(`${host}: ${status}${error.message}`);
  }
}
