/** sojourn repair: makes a damaged data directory usable again, after a copy of it. */
import { resolve } from 'node:path';
import { clockFrom, systemClockSource } from '../core/clock.js';
import { NodeFiles } from '../storage/files.js';
import { readHostFacts } from '../storage/host-facts.js';
import { repairDirectory, type RepairOutcome } from '../storage/repair.js';
import { EXIT_FAILED, EXIT_OK } from './exit.js';
import { REPAIR_HELP } from './help.js';
import { toolArgumentsFrom } from './tool-arguments.js';

const SHAPE = { tool: 'repair', operand: 'DIRECTORY', switches: ['dry-run'] } as const;

const LAST_LINES: Readonly<Record<RepairOutcome, string>> = {
  nothing: 'nothing to repair',
  planned: 'nothing was changed',
  repaired: 'repaired; a server can start from it',
};

export function repair(args: readonly string[]): number {
  const asked = toolArgumentsFrom(SHAPE, args);
  if (asked === undefined) {
    process.stdout.write(REPAIR_HELP);
    return EXIT_OK;
  }
  const outcome = repairDirectory({
    files: new NodeFiles(),
    // The copy is made beside it, which "." and a slash at the end do not say.
    path: resolve(asked.path),
    host: readHostFacts(),
    nowMs: clockFrom(systemClockSource()).nowMs(),
    isDryRun: asked.switches.has('dry-run'),
    onLine: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(`${LAST_LINES[outcome]}\n`);
  return outcome === 'planned' ? EXIT_FAILED : EXIT_OK;
}
