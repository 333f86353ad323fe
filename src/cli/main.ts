#!/usr/bin/env node
/** The command line: finds the subcommand, runs it, turns its errors into lines and exit codes. */
import { ConfigError } from '../config/load.js';
import { StartError } from '../server/port-probe.js';
import { ThreadDeath } from '../server/thread.js';
import { SERVER_VERSION } from '../server/version.js';
import { StorageError } from '../storage/storage-error.js';
import {
  EXIT_FAILED,
  EXIT_OK,
  EXIT_SOFTWARE,
  EXIT_USAGE,
  OperationError,
  UsageError,
} from './exit.js';
import { MAIN_HELP } from './help.js';

/**
 * Each is loaded when it is asked for: that is 50 ms of a start, mostly of packages that only clients
 * need.
 */
const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  serve: async (args) => await (await import('./serve.js')).serve(args),
  call: async (args) => await (await import('./call.js')).call(args),
  snapshot: async (args) => await (await import('./snapshot.js')).snapshot(args),
  check: async (args) => await (await import('./check.js')).check(args),
  repair: async (args) => (await import('./repair.js')).repair(args),
  inspect: async (args) => await (await import('./inspect.js')).inspect(args),
  user: async (args) => await (await import('./user.js')).user(args),
  reference: async (args) => (await import('./reference-command.js')).reference(args),
};

async function run(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command !== undefined && Object.hasOwn(COMMANDS, command)) {
    return (await COMMANDS[command]?.(rest)) ?? EXIT_USAGE;
  }
  switch (command) {
    case '--version':
    case '-v':
      process.stdout.write(`${SERVER_VERSION}\n`);
      return EXIT_OK;
    case '--help':
    case '-h':
    case 'help':
      process.stdout.write(MAIN_HELP);
      return EXIT_OK;
    case undefined:
      process.stderr.write(MAIN_HELP);
      return EXIT_USAGE;
    default:
      throw new UsageError(`${JSON.stringify(command)} is no command; see sojourn --help`);
  }
}

/** Known errors become lines; all others are ours and keep their stack trace. */
function report(error: unknown): number {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) process.stderr.write(`sojourn: ${problem}\n`);
    return error.exitCode;
  }
  const code = exitCodeOf(error);
  if (code === undefined) throw error;
  process.stderr.write(`sojourn: ${(error as Error).message}\n`);
  return code;
}

function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof UsageError) return EXIT_USAGE;
  if (error instanceof OperationError || error instanceof StartError) return EXIT_FAILED;
  if (error instanceof StorageError) return EXIT_FAILED;
  if (error instanceof ThreadDeath) return EXIT_SOFTWARE;
  return undefined;
}

process.exitCode = await run(process.argv.slice(2)).catch(report);
