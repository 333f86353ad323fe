/**
 * sojourn serve: loads the settings, starts a server, says when it is ready, and stops it on
 * SIGTERM or SIGINT. Standard output holds the ready line and nothing else.
 */
import pino, { type Logger } from 'pino';
import { loadConfig } from '../config/load.js';
import { OPTION_NAMES, specOf, type Config } from '../config/options.js';
import { valueText } from '../config/values.js';
import { setCompilerFlags } from '../server/compiler-flags.js';
import { lowerCompilerThreads } from '../server/compiler-threads.js';
import type { ServerLog } from '../server/server-log.js';
import { startServer, type Server } from '../server/server.js';
import { StorageError } from '../storage/storage-error.js';
import { EXIT_FAILED, EXIT_OK, EXIT_SOFTWARE } from './exit.js';
import { serveHelp } from './help.js';

const STDERR = 2;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Gives the exit code where no server was started; otherwise ends the process itself. */
export async function serve(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(serveHelp());
    return EXIT_OK;
  }
  const config = loadConfig(args);
  setCompilerFlags();
  lowerCompilerThreads();
  // Synchronous, so that the last line before an exit is not lost.
  const log = pino({ level: config.logLevel }, pino.destination({ fd: STDERR, sync: true }));
  const stopSignal = firstStopSignal();
  const giveUp = new AbortController();
  const start = startServer({ config, log: serverLogOf(log), signal: giveUp.signal });
  const started = await Promise.race([start, stopSignal]);
  if (typeof started === 'string') giveUp.abort();
  const server = await start.catch((error: unknown) => {
    if (typeof started !== 'string') throw error;
    return undefined;
  });
  if (server === undefined) {
    log.info({ signal: started }, 'stopped before it was started');
    process.exit(EXIT_OK);
  }
  logStart(log, server, config);
  // Whoever waited for the line may be gone by now; the server is not.
  process.stdout.on('error', () => undefined);
  process.stdout.write(`sojourn ready ${server.url}\n`);

  const end = await Promise.race([stopSignal, server.failure]);
  if (end instanceof Error) return await fail(end, server);
  log.info({ signal: end, drainSeconds: config.drainSeconds }, 'stopping');
  const failure = await Promise.race([
    server.stop().catch((error: unknown) => error as Error),
    server.failure,
  ]);
  if (failure instanceof StorageError) return failToKeep(failure);
  if (failure instanceof Error) return await fail(failure, server);
  log.info('stopped');
  process.exit(EXIT_OK);
}

/**
 * The first signal asks for a stop. The second ends the process as if it had never been handled:
 * at once, and without the end of each thread, which native sockets would not survive.
 */
function firstStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of STOP_SIGNALS) {
      process.once(signal, () => {
        for (const other of STOP_SIGNALS) process.removeAllListeners(other);
        resolve(signal);
      });
    }
  });
}

/** As the server writes lines; pino takes figures first. */
function serverLogOf(log: Logger): ServerLog {
  return {
    info: (text, figures = {}) => log.info(figures, text),
    warn: (text, figures = {}) => log.warn(figures, text),
    error: (text, figures = {}) => log.error(figures, text),
  };
}

function logStart(log: Logger, server: Server, config: Config): void {
  const { dataDirectory, recovered } = server;
  log.info(
    {
      url: server.url,
      transport: server.transport,
      shards: server.config.shards,
      ioThreads: server.config.ioThreads,
      ...(dataDirectory === undefined ? {} : { dataDir: dataDirectory, fsync: config.fsync }),
      ...(recovered === undefined ? {} : { recovered }),
      changed: changedSettings(config),
    },
    dataDirectory === undefined
      ? 'started; sessions are kept in memory only and end with this process'
      : `started; data directory ${dataDirectory}, ${recovered?.sessions ?? 0} sessions ` +
          `recovered in ${recovered?.durationMs ?? 0} ms`,
  );
}

/** Every setting that is not its default, as an operator would write it. */
function changedSettings(config: Config): Record<string, string> {
  const changed: Record<string, string> = {};
  for (const name of OPTION_NAMES) {
    const spec = specOf(name);
    if (config[name] !== spec.default) changed[name] = valueText(spec, config[name]);
  }
  return changed;
}

/** The end of the log could not be synced: what the operating system holds may still get there. */
function failToKeep(reason: StorageError): never {
  process.stderr.write(`sojourn: ${reason.message}; the last second may be lost\n`);
  process.exit(EXIT_FAILED);
}

/** Not through the logger: the reason must be seen whatever --log-level says. */
async function fail(reason: Error, server: Server): Promise<never> {
  process.stderr.write(`sojourn: ${reason.message}\n`);
  await server.abandon();
  process.exit(EXIT_SOFTWARE);
}
