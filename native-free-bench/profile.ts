/**
 * Entry point of `npm run profile`: a server whose threads all keep a CPU profile, a load on it for
 * some seconds, and of the profiles, cut to these seconds, flame graphs and a list of the functions
 * that took most of the time.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import zeroEx from '0x';
import { benchDirectory } from './bench-directory.js';
import { Output } from './bench.js';
import {
  cutTo,
  summaryOf,
  threadKindOf,
  withLinesFromOne,
  withShortPaths,
  type CpuProfile,
  type TimeWindow,
} from './cpu-profile.js';
import { Fleet } from './fleet.js';
import type { RunningServer } from './processes.js';
import { killAll, stopAll } from './processes.js';
import { parseProfileOptions, PROFILE_HELP, type ProfileOptions } from './profile-options.js';
import type { Round } from './round.js';
import { sojournStorage, startSojourn } from './servers.js';
import { compact, tableOf } from './table.js';

const CONNECTIONS = 50;
const SESSIONS = 100_000;
/** Of a thread's profile; V8 takes a sample so often. */
const SAMPLE_US = 200;
/** From dist/native-free-bench. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = join(ROOT, 'profiles');

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

interface ProfiledRun {
  /** Of all threads. */
  readonly profiles: readonly CpuProfile[];
  readonly window: TimeWindow;
  readonly round: Round;
}

const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);

async function profiledRun(options: ProfileOptions): Promise<ProfiledRun> {
  const { operation, shape, log, seconds, serverFlags } = options;
  const folder = benchDirectory();
  const nodeFlags = [
    ...['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', String(SAMPLE_US)],
    ...(options.isInlining ? [] : ['--no-turbo-inlining']),
  ];
  const fleet = new Fleet(
    { connections: CONNECTIONS, sessions: SESSIONS, generators: 1 },
    new Output(false),
  );
  let server: RunningServer | undefined;
  const start = async (): Promise<RunningServer> => {
    server = await startSojourn(serverFlags, sojournStorage(log), nodeFlags);
    return server;
  };
  await fleet.prepare([{ name: 'sojourn', kind: 'sojourn', start }]);
  const one = { name: 'sojourn', operation, shape, rounds: [] };
  // What is compiled on the way is not what runs later.
  await fleet.round(one, seconds / 2);
  const fromUs = nowUs();
  const round = await fleet.round(one, seconds);
  const window = { fromUs, toUs: nowUs() };
  // Profiles are written when the threads end.
  await server?.stop();
  const profiles = readdirSync(folder).map(
    (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile,
  );
  return { profiles, window, round };
}

async function profile(options: ProfileOptions): Promise<void> {
  const { operation, shape, log } = options;
  const { profiles, window, round } = await profiledRun(options);
  const load = `${operation.toUpperCase()}, ${shape.name}${log === 'none' ? '' : `, --fsync ${log}`}`;
  console.log(`\n${load}: ${compact(round.perSecond)} commands/s while profiled\n`);
  mkdirSync(FOLDER, { recursive: true });
  for (const kind of options.threads) {
    const cuts = profiles
      .filter((whole) => threadKindOf(whole) === kind)
      .map((whole) => withShortPaths(cutTo(whole, window), pathToFileURL(ROOT).href));
    if (cuts.length === 0) throw new Error(`no thread of kind ${kind} left a profile`);
    const cpuUs = round.usPerCommandByThread[kind];
    for (const [index, cut] of cuts.entries()) {
      const name = `${kind}-${index}`;
      await write(name, load, cut);
      print(name, cut, cpuUs === undefined ? undefined : cpuUs / cuts.length, options.top);
    }
  }
}

/** The profile, for the developer tools of a browser, and its flame graph. */
async function write(name: string, load: string, cut: CpuProfile): Promise<void> {
  const path = join(FOLDER, `${name}.cpuprofile`);
  writeFileSync(path, JSON.stringify(cut));
  const drawn = join(benchDirectory(), 'drawn.cpuprofile');
  writeFileSync(drawn, JSON.stringify(withLinesFromOne(cut)));
  await zeroEx({
    visualizeCpuProfile: drawn,
    workingDir: ROOT,
    outputHtml: join(FOLDER, `${name}.html`),
    name,
    title: `${name}: ${load}`,
  });
}

/** @param cpuUs processor time of one command in this thread, by the system's own books. */
function print(name: string, cut: CpuProfile, cpuUs: number | undefined, top: number): void {
  const { samples, idlePart, functions } = summaryOf(cut);
  const percent = (part: number): string => `${(part * 100).toFixed(1)}%`;
  const nanoseconds = (part: number): string =>
    cpuUs === undefined ? '-' : (part * cpuUs * 1_000).toFixed(0);
  const rows = functions
    .slice(0, top)
    .map(({ name: called, place, selfPart, totalPart }) => [
      `${called} ${place}`.trimEnd(),
      percent(selfPart),
      percent(totalPart),
      nanoseconds(selfPart),
    ]);
  console.log(
    `${name}: ${samples} samples, asleep in ${percent(idlePart)}; ` +
      `${nanoseconds(1)} ns of processor time a command; profiles/${name}.html`,
  );
  console.log(`${tableOf([['', 'self', 'with callees', 'self, ns a command'], ...rows])}\n`);
}

function parsed(): ProfileOptions | undefined {
  try {
    return parseProfileOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${PROFILE_HELP}`);
    return undefined;
  }
}

async function main(): Promise<number> {
  const options = parsed();
  if (options === undefined) return EXIT_USAGE;
  if (options.isHelp) {
    console.log(PROFILE_HELP);
    return 0;
  }
  try {
    await profile(options);
    return 0;
  } catch (error) {
    console.error(`profile: ${(error as Error).message}`);
    return EXIT_FAILED;
  } finally {
    await stopAll();
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAll().then(() => process.exit(EXIT_INTERRUPTED)));
}
process.on('exit', killAll);

process.exitCode = await main();
