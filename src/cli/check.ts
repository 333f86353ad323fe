/** sojourn check: what is in a data directory, and whether it is whole. */
import { clockFrom, systemClockSource } from '../core/clock.js';
import { checkDirectory, counted, type DirectoryReport } from '../storage/check.js';
import { NodeFiles } from '../storage/files.js';
import { readHostFacts } from '../storage/host-facts.js';
import { EXIT_FAILED, EXIT_OK } from './exit.js';
import { CHECK_HELP } from './help.js';
import { printLines } from './output.js';
import { toolArgumentsFrom } from './tool-arguments.js';

const SHAPE = { tool: 'check', operand: 'DIRECTORY', switches: ['json'] } as const;

export async function check(args: readonly string[]): Promise<number> {
  const asked = toolArgumentsFrom(SHAPE, args);
  if (asked === undefined) {
    process.stdout.write(CHECK_HELP);
    return EXIT_OK;
  }
  const report = checkDirectory({
    files: new NodeFiles(),
    path: asked.path,
    host: readHostFacts(),
    nowMs: clockFrom(systemClockSource()).nowMs(),
  });
  await printLines(asked.switches.has('json') ? [JSON.stringify(report)] : reportLines(report));
  return report.damage.length === 0 ? EXIT_OK : EXIT_FAILED;
}

export function reportLines(report: DirectoryReport): string[] {
  const { directory, holder, files, damage } = report;
  const use =
    holder === null
      ? 'not in use'
      : `in use by ${holder}, so the newest batches may look torn and files may come and go`;
  return [
    `${directory}: ${use}`,
    ...fileLines(files),
    '',
    ...figureLines(report),
    '',
    ...(damage.length === 0
      ? ['no damage']
      : [
          `${counted(damage.length, 'place')} damaged:`,
          ...damage.map(({ text }) => `  ${text}`),
          holder === null
            ? `"sojourn repair --dry-run ${directory}" says what can be done`
            : 'a server is at work on it: check again before you believe it',
        ]),
  ];
}

function fileLines(files: DirectoryReport['files']): string[] {
  const nameWidth = Math.max(0, ...files.map(({ file }) => file.length));
  const sizes = files.map(({ bytes }) => (bytes === undefined ? '' : String(bytes)));
  const sizeWidth = Math.max(0, ...sizes.map((size) => size.length));
  const stateWidth = Math.max(0, ...files.map(({ state }) => state.length));
  return files.map(({ file, state, text }, index) => {
    const size = (sizes[index] ?? '').padStart(sizeWidth);
    return `  ${file.padEnd(nameWidth)}  ${size}  ${state.padEnd(stateWidth)}  ${text}`.trimEnd();
  });
}

function figureLines(report: DirectoryReport): string[] {
  const { sessions, expired, keys, defaultMapKeys, memoryBytes } = report;
  const { logBytes, logBatches, tornBytes } = report;
  const rows: readonly (readonly [string, number, string])[] = [
    ['sessions', sessions, expired === 0 ? '' : `and ${expired} expired, gone at the next start`],
    ['keys', keys, `and ${defaultMapKeys} in the default map`],
    ['bytes', memoryBytes, 'in memory, as --max-memory counts them'],
    ['log', logBytes, `bytes since the snapshots, ${counted(logBatches, 'batch', 'batches')}`],
    ['torn', tornBytes, 'bytes'],
  ];
  const width = Math.max(...rows.map(([, value]) => String(value).length));
  return rows.map(([name, value, text]) =>
    `${name.padEnd(8)}  ${String(value).padStart(width)}  ${text}`.trimEnd(),
  );
}
