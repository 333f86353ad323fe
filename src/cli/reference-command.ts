/** sojourn reference: prints or writes the pages of the documentation that are made from the code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_OK, OperationError, UsageError } from './exit.js';
import { REFERENCE_HELP } from './help.js';
import { commandsPage, configurationPage, countersPage } from './reference.js';

const PAGES: Readonly<Record<string, { readonly file: string; readonly render: () => string }>> = {
  commands: { file: 'COMMANDS.md', render: commandsPage },
  configuration: { file: 'CONFIGURATION.md', render: configurationPage },
  counters: { file: 'COUNTERS.md', render: countersPage },
};

export function reference(args: readonly string[]): number {
  const [what, directory, ...others] = args;
  if (what === '--help' || what === '-h') {
    process.stdout.write(REFERENCE_HELP);
    return EXIT_OK;
  }
  if (what === '--write' && directory !== undefined && others.length === 0) {
    writePages(directory);
    return EXIT_OK;
  }
  const page = what !== undefined && Object.hasOwn(PAGES, what) ? PAGES[what] : undefined;
  if (page === undefined || args.length !== 1) {
    throw new UsageError(
      `reference: expected ${Object.keys(PAGES).join(', ')} or --write DIRECTORY`,
    );
  }
  process.stdout.write(page.render());
  return EXIT_OK;
}

function writePages(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    for (const { file, render } of Object.values(PAGES)) {
      writeFileSync(join(directory, file), render());
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new OperationError(`reference: cannot write into ${directory}: ${code}`);
  }
}
