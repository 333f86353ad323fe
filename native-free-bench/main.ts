/** Entry point of `npm run bench`: runs one bench and stops all that it started. */
import { Output, type Bench } from './bench.js';
import { durability } from './durability.bench.js';
import { endToEnd } from './end-to-end.bench.js';
import { engine } from './engine.bench.js';
import { expiry } from './expiry.bench.js';
import { ioPath } from './io-path.bench.js';
import { layout } from './layout.bench.js';
import { memory } from './memory.bench.js';
import { openLoop } from './open-loop.bench.js';
import { pauses } from './pauses.bench.js';
import { recovery } from './recovery.bench.js';
import { report } from './report.bench.js';
import { ring } from './ring.bench.js';
import { scaling } from './scaling.bench.js';
import { sdk } from './sdk.bench.js';
import { singleClient } from './single-client.bench.js';
import { snapshot } from './snapshot.bench.js';
import { helpText, parseOptions, type BenchOptions } from './options.js';
import { killAll, stopAll } from './processes.js';

const BENCHES: readonly Bench[] = [
  ...[endToEnd, openLoop, singleClient, memory, pauses, expiry, engine, ioPath, layout, ring],
  ...[durability, recovery, snapshot, sdk, scaling, report],
];

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

function listed(): string {
  return helpText(Object.fromEntries(BENCHES.map(({ name, summary }) => [name, summary])));
}

async function runBench(options: BenchOptions): Promise<number> {
  if (options.isHelp || options.bench === 'list') {
    console.log(listed());
    return 0;
  }
  const bench = BENCHES.find(({ name }) => name === options.bench);
  if (bench === undefined) {
    console.error(`there is no bench "${options.bench}"\n\n${listed()}`);
    return EXIT_USAGE;
  }
  try {
    await bench.run(options, new Output(options.isJson));
    return 0;
  } catch (error) {
    console.error(`bench ${bench.name}: ${(error as Error).message}`);
    return EXIT_FAILED;
  } finally {
    await stopAll();
  }
}

function parsed(): BenchOptions | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    return undefined;
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAll().then(() => process.exit(EXIT_INTERRUPTED)));
}
process.on('exit', killAll);

const options = parsed();
process.exitCode = options === undefined ? EXIT_USAGE : await runBench(options);
