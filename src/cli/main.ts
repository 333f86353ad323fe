#!/usr/bin/env node
/** The command line: finds the subcommand, runs it, turns its errors into lines and exit codes. */
import { ConfigError } from '../config/load.js';
import { StartError } from '../server/port-probe.js';
import { ThreadDeath } from '../server/thread.js';
import { SERVER_VERSION } from '../server/version.js';
import { StorageError } from '../storage/storage-error.js';
import { call } from './call.js';
import { check } from './check.js';
import {
  EXIT_FAILED,
  EXIT_OK,
  EXIT_SOFTWARE,
  EXIT_USAGE,
  OperationError,
  UsageError,
} from './exit.js';
import { MAIN_HELP } from './help.js';
import { inspect } from './inspect.js';
import { reference } from './reference-command.js';
import { repair } from './repair.js';
import { serve } from './serve.js';
import { snapshot } from './snapshot.js';

async function run(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'serve':
      return await serve(rest);
    case 'call':
      return await call(rest);
    case 'snapshot':
      return await snapshot(rest);
    case 'check':
      return await check(rest);
    case 'repair':
      return repair(rest);
    case 'inspect':
      return await inspect(rest);
    case 'reference':
      return reference(rest);
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
