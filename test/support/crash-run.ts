/**
 * A server that is started, loaded and killed, over and over, on one data directory; after every
 * start all that is known of it is compared. Choices come from the seed; what the machine makes of
 * a delay of so many milliseconds does not.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { decode, encode } from '@msgpack/msgpack';
import { WebSocket } from 'ws';
import { commandEntryOf } from '../../src/protocol/catalogue.js';
import { CrashLane } from './crash-lane.js';
import { CrashServer, type FileEvent, FileEvents } from './crash-server.js';
import { Random } from './random.js';

const LANES = 3;
const LOAD_MS_MAX = 400;
const START_MS_MAX = 600;
const REPLIES_MAX = 4_000;
const FILE_EVENT_MS_MAX = 1_500;
/** For sessions that are due to be swept, and so to leave the counter. */
const COUNT_MS_MAX = 5_000;

export interface CrashRunOptions {
  readonly seed: number;
  readonly directory: string;
  /** Beside the directory, --fsync and --shards. */
  readonly flags: readonly string[];
  /** Chosen anew at some starts. */
  readonly shards: readonly number[];
  readonly fsync: readonly string[];
  readonly isKilledAtStart: boolean;
}

/** When the server is killed in one of its lives. */
type Moment =
  | { readonly at: 'time' | 'start'; readonly ms: number }
  | { readonly at: 'replies'; readonly replies: number }
  | { readonly at: 'file'; readonly event: FileEvent; readonly ms: number }
  | { readonly at: 'rest' | 'stop' };

const FILE_EVENTS: readonly FileEvent[] = ['manifest', 'manifest', 'snapshot', 'segment'];
const START_EVENTS: readonly FileEvent[] = ['lock', 'manifest', 'snapshot', 'segment'];

export class CrashRun {
  readonly counts = { kills: 0, killsAtStart: 0, stops: 0, endAlls: 0, tokens: 0 };
  /** What the servers said of themselves. */
  readonly told: Record<string, number> = {};
  readonly lanes: readonly CrashLane[];
  readonly #options: CrashRunOptions;
  readonly #random: Random;
  #shards: number;
  #fsync: string;
  #life = 0;

  constructor(options: CrashRunOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#shards = options.shards[0]!;
    this.#fsync = options.fsync[0]!;
    this.lanes = Array.from(
      { length: LANES },
      (_, index) => new CrashLane(index, new Random(options.seed * 31 + index)),
    );
  }

  /** One life of the server, or two if it is killed while it starts. Rejects with all that helps. */
  async live(): Promise<void> {
    await this.#live(this.#drawMoment());
  }

  /** The last life: compares once more, and stops as an operator would. */
  async finish(): Promise<void> {
    await this.#live({ at: 'stop' });
  }

  async #live(moment: Moment): Promise<void> {
    this.#life += 1;
    const flags = this.#drawFlags();
    let server: CrashServer | undefined;
    try {
      if (moment.at === 'start' || this.#random.below(8) === 0) await this.#killAtStart(flags);
      if (moment.at === 'start') return;
      server = new CrashServer(flags);
      const url = await server.ready;
      for (const lane of this.lanes) await lane.connect(url);
      const failed = Promise.race(this.lanes.map((lane) => lane.failed));
      await Promise.race([this.#verify(url), failed]);
      await Promise.race([this.#loadUntil(moment, url), failed]);
      await this.#end(server, moment);
      this.#listen(server);
    } catch (error) {
      await server?.kill();
      throw new Error(this.#report(error as Error, moment, flags, server), { cause: error });
    }
  }

  #drawFlags(): string[] {
    const { directory, flags, shards, fsync } = this.#options;
    if (this.#random.below(4) === 0) {
      this.#shards = shards[this.#random.below(shards.length)]!;
    }
    if (this.#random.below(3) === 0) this.#fsync = fsync[this.#random.below(fsync.length)]!;
    const chosen = ['--shards', String(this.#shards), '--fsync', this.#fsync];
    return ['--data-dir', directory, ...chosen, ...flags];
  }

  #drawMoment(): Moment {
    const random = this.#random;
    const ms = random.below(LOAD_MS_MAX);
    const kind = random.below(20);
    if (kind < 7) return { at: 'time', ms };
    if (kind < 9) return { at: 'replies', replies: 1 + random.below(REPLIES_MAX) };
    if (kind < 15) {
      const event = FILE_EVENTS[random.below(FILE_EVENTS.length)]!;
      return { at: 'file', event, ms: random.below(2) * random.below(6) };
    }
    if (kind < 17 && this.#options.isKilledAtStart) {
      return { at: 'start', ms: random.below(START_MS_MAX) };
    }
    return { at: kind === 19 ? 'stop' : 'rest' };
  }

  async #killAtStart(flags: readonly string[]): Promise<void> {
    const isAtFile = this.#random.below(2) === 0;
    const ms = this.#random.below(isAtFile ? 30 : START_MS_MAX);
    const event = START_EVENTS[this.#random.below(START_EVENTS.length)]!;
    const server = new CrashServer(flags);
    const events = new FileEvents(this.#options.directory, event);
    try {
      const isReady = server.ready.catch(() => undefined);
      if (isAtFile) await Promise.race([events.seen, isReady, delay(START_MS_MAX)]);
      await delay(ms);
    } finally {
      events.close();
      await server.kill();
    }
    this.counts.kills += 1;
    this.counts.killsAtStart += 1;
    this.#listen(server);
    // Ended by itself: it refused to start, which no kill may lead to.
    const end = await server.ended;
    if (end !== 'SIGKILL') throw new Error(`the start ended with ${end}\n${server.output}`);
  }

  async #verify(url: string): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.verify()));
    const control = await Control.open(url);
    try {
      const tokens = this.lanes.flatMap(({ deadTokens }) => deadTokens);
      const exist = (await control.call('SH_EXISTS', { tkns: tokens }))?.['exist'] as unknown[];
      if (exist.length > 0) throw new Error(`${exist.length} ended sessions are there again`);
      this.counts.tokens += tokens.length;
      await this.#verifyCount(control);
    } finally {
      control.close();
    }
  }

  async #verifyCount(control: Control): Promise<void> {
    const giveUpMs = Date.now() + COUNT_MS_MAX;
    for (;;) {
      const sentMs = Date.now();
      const total = (await control.call('SH_INFO_ALL', null))?.['totalSessions'] as number;
      const spans = this.lanes.map((lane) => lane.liveAt({ lo: sentMs, hi: Date.now() }));
      const least = spans.reduce((sum, { lo }) => sum + lo, 0);
      const most = spans.reduce((sum, { hi }) => sum + hi, 0);
      if (total >= least && total <= most) return;
      if (total < least || Date.now() > giveUpMs) {
        throw new Error(`there are ${total} sessions, which should be ${least} to ${most}`);
      }
      await delay(20);
    }
  }

  async #loadUntil(moment: Moment, url: string): Promise<void> {
    if (this.#random.below(10) === 0) {
      const isCutShort = await this.#endAll(url);
      if (isCutShort) return;
    }
    const { directory } = this.#options;
    const events = moment.at === 'file' ? new FileEvents(directory, moment.event) : undefined;
    try {
      let replies = 0;
      const isEnough = new Promise<void>((resolve) => {
        for (const lane of this.lanes) {
          lane.onReply = () => {
            replies += 1;
            if (moment.at === 'replies' && replies >= moment.replies) resolve();
          };
        }
      });
      for (const lane of this.lanes) lane.load();
      void this.#snapshots(url);
      if (moment.at === 'time') await delay(moment.ms);
      else if (moment.at === 'replies') await isEnough;
      else if (events !== undefined && moment.at === 'file') {
        await Promise.race([events.seen, delay(FILE_EVENT_MS_MAX)]);
        if (moment.ms > 0) await delay(moment.ms);
      } else {
        await delay(this.#random.below(LOAD_MS_MAX));
        await Promise.all(this.lanes.map((lane) => lane.drain()));
      }
    } finally {
      events?.close();
    }
  }

  /** Asks for one snapshot after another, in most lives, until the server is gone. */
  async #snapshots(url: string): Promise<void> {
    if (this.#random.below(4) === 0) return;
    const pauseMs = this.#random.below(100);
    try {
      const control = await Control.open(url);
      for (;;) {
        await control.call('SV_SNAPSHOT', null);
        await delay(pauseMs);
      }
    } catch {
      // The server was killed, or stops.
    }
  }

  /** True if the server is to be killed at once, before the answer. */
  async #endAll(url: string): Promise<boolean> {
    this.counts.endAlls += 1;
    const control = await Control.open(url);
    const isCutShort = this.#random.below(2) === 0;
    const answered = control.call('SH_END_ALL', null).then(() => true);
    answered.catch(() => undefined);
    const cut = delay(this.#random.below(4)).then(() => false);
    const isSure = await (isCutShort ? Promise.race([answered, cut]) : answered);
    for (const lane of this.lanes) lane.endedAll(isSure);
    if (!isCutShort) control.close();
    return isCutShort;
  }

  async #end(server: CrashServer, moment: Moment): Promise<void> {
    if (moment.at === 'stop') {
      this.counts.stops += 1;
      const end = await server.stop();
      if (end !== 0) throw new Error(`stopped with ${end}\n${server.output}`);
    } else {
      this.counts.kills += 1;
      await server.kill();
    }
    for (const lane of this.lanes) lane.settle(Date.now());
  }

  #listen({ told }: CrashServer): void {
    for (const [name, count] of Object.entries(told)) {
      this.told[name] = (this.told[name] ?? 0) + count;
    }
  }

  #report(error: Error, moment: Moment, flags: string[], server: CrashServer | undefined): string {
    const { seed, directory } = this.#options;
    return [
      `seed ${seed}, life ${this.#life}, to be killed at ${JSON.stringify(moment)}`,
      `flags ${flags.join(' ')}; the directory ${directory} is kept`,
      error.message,
      server === undefined ? '' : `the server wrote:\n${server.output}`,
    ].join('\n');
  }
}

/** One command at a time, beside the load. */
class Control {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(url: string): Promise<Control> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('error', () => socket.terminate());
    return new Control(socket);
  }

  call(name: string, body: unknown): Promise<Readonly<Record<string, unknown>> | null> {
    return new Promise((resolve, reject) => {
      this.#socket.once('close', () => reject(new Error(`${name}: the connection ended`)));
      this.#socket.once('message', (bytes: Buffer) => {
        const [, status, answer] = decode(decode(bytes) as Uint8Array) as [number, number, null];
        if (status === 1) resolve(answer);
        else reject(new Error(`${name} was answered ${status}`));
      });
      this.#socket.send(encode(encode([commandEntryOf(name)!.op, 1, null, body])));
    });
  }

  close(): void {
    this.#socket.close();
  }
}
