/** sojourn inspect: one binary file of a data directory as JSON lines. */
import { NodeFiles } from '../storage/files.js';
import { FileInspection } from '../storage/inspect.js';
import { codeOf } from '../storage/storage-error.js';
import { EXIT_FAILED, EXIT_OK, OperationError } from './exit.js';
import { INSPECT_HELP } from './help.js';
import { printLines } from './output.js';
import { toolArgumentsFrom } from './tool-arguments.js';

const SHAPE = { tool: 'inspect', operand: 'FILE', switches: [] } as const;

export async function inspect(args: readonly string[]): Promise<number> {
  const asked = toolArgumentsFrom(SHAPE, args);
  if (asked === undefined) {
    process.stdout.write(INSPECT_HELP);
    return EXIT_OK;
  }
  let inspection: FileInspection | undefined;
  try {
    inspection = new FileInspection(new NodeFiles(), asked.path);
    const wasReadToTheEnd = await printLines(inspection.lines());
    return inspection.isSound || !wasReadToTheEnd ? EXIT_OK : EXIT_FAILED;
  } catch (error) {
    if (!isOfTheSystem(error)) throw error;
    throw new OperationError(`inspect: cannot read ${asked.path}: ${codeOf(error)}`);
  } finally {
    inspection?.close();
  }
}

/** The disk's failures have a code of their own; ours keep their stack trace. */
function isOfTheSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
