/**
 * A shard that may be borrowed and the I/O threads that may borrow it, all in one thread: the shard's
 * own loop, and where it would sleep the test acts as the I/O threads. What they share is made by
 * the plans of a server; only threads and sockets are missing.
 */
import { DEFAULT_CONFIG, type Config } from '../../src/config/options.js';
import type { ShardReport } from '../../src/config/shard-messages.js';
import type { IoThreadPlan, LinkPlan, ShardPlan } from '../../src/config/thread-plan.js';
import { ReplyWriter } from '../../src/commands/reply.js';
import { SharedManualClock } from '../../src/core/clock.js';
import type { ShardCounter } from '../../src/core/counters.js';
import { Doorbell } from '../../src/ring/doorbell.js';
import { EventRingReader } from '../../src/ring/event-ring.js';
import { Lease } from '../../src/ring/lease.js';
import { SideRoad } from '../../src/ring/side-road.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { makePlans } from '../../src/server/plans.js';
import { newIdleCollector } from '../../src/shard/collector.js';
import { Lending } from '../../src/shard/lending.js';
import { RingSink } from '../../src/shard/ring-sink.js';
import { ShardCounters } from '../../src/shard/shard-counters.js';
import { ShardLoop } from '../../src/shard/shard-loop.js';
import { openShardStorage, type ShardStorage } from '../../src/shard/shard-storage.js';
import type { ShardLink } from '../../src/shard/turn.js';
import type { TurnLog } from '../../src/shard/turn-log.js';
import { newStates, newTurnParts, type ShardStates, statesOf } from '../../src/shard/turn-parts.js';
import { EffectBuffer } from '../../src/state/effect-buffer.js';
import { encodeSession } from '../../src/state/encode-session.js';
import { type DataDirectory, openDataDirectory } from '../../src/storage/data-directory.js';
import { NodeFiles } from '../../src/storage/files.js';
import { recoverShard } from '../../src/storage/recovery.js';
import { LendingIo, type LentReply } from './lending-io.js';
import { hostFacts } from './log-story.js';
import { describeStates, emptyStates } from './replay.js';
import { type SessionKey, START_MS } from './shard-harness.js';

const SLEEPING_WORD = 1;

/** The shard's bell: where the shard would sleep on it, the test acts. */
class ActingBell extends Doorbell {
  act: (sleepMs: number) => void = () => undefined;
  readonly #words: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    super(shared);
    this.#words = new Int32Array(shared);
  }

  override wait(_countSeen: number, timeoutMs: number): void {
    this.#words[SLEEPING_WORD] = 1;
    this.act(timeoutMs);
    this.#words[SLEEPING_WORD] = 0;
  }
}

export interface LentShardOptions {
  readonly config?: Partial<Config>;
  /** With a log, in this folder. */
  readonly folder?: string;
  /** How many there are, as borrowers know; the others do nothing. */
  readonly shards?: number;
}

export class LentShard {
  readonly clock = new SharedManualClock();
  readonly states: ShardStates;
  readonly ios: readonly LendingIo[];
  readonly bell: ActingBell;
  readonly lease: Lease | undefined;
  readonly events: EventRingReader;
  /** What the shard has told main. */
  readonly reports: ShardReport[] = [];
  readonly storage: ShardStorage | undefined;
  /** Undefined without a log. */
  readonly folder: string | undefined;
  readonly #plan: ShardPlan;
  readonly #ioPlans: readonly IoThreadPlan[];
  readonly #config: Config;
  readonly #counters: ShardCounters;
  readonly #loop: ShardLoop;
  readonly #directory: DataDirectory | undefined;
  #hasSlept = false;
  #eventsRead = 0;

  constructor({ config, folder, shards = 1 }: LentShardOptions = {}) {
    this.clock.set(START_MS);
    this.folder = folder;
    const settled = { ioThreads: 1, ringBytes: 1 << 20, eventsFromStart: true };
    this.#config = { ...DEFAULT_CONFIG, ...settled, ...config, shards: 1 };
    this.#config = { ...this.#config, memory: folder === undefined };
    this.#directory = folder === undefined ? undefined : openDirectory(folder);
    const plans = makePlans({
      config: this.#config,
      clock: { kind: 'manual', shared: this.clock.shared },
      startedMs: START_MS,
      storage: this.#directory,
    });
    this.#plan = plans.shards[0]!;
    this.#ioPlans = plans.io;
    this.#counters = new ShardCounters(this.#plan.counters);
    this.bell = new ActingBell(this.#plan.bell);
    this.events = new EventRingReader(this.#plan.events, START_MS);
    const { lending } = this.#plan;
    this.lease = lending && new Lease(lending.lease);
    this.states = newStates({
      ...{ shard: 0, config: this.#config, counters: this.#counters, nowMs: START_MS },
    });
    this.storage = this.#openStorage();
    this.#loop = this.#newLoop();
    this.ios = plans.io.map(
      (plan) => new LendingIo({ ...plan, config: { ...plan.config, shards } }),
    );
  }

  /** Runs the shard until it has nothing to do, then `act` while it sleeps. It wakes up at once after. */
  sleep<Result>(act: (sleepMs: number) => Result): Result {
    let outcome: { readonly result: Result } | undefined;
    this.#hasSlept = false;
    this.bell.act = (sleepMs) => {
      this.#hasSlept = true;
      outcome = { result: act(sleepMs) };
    };
    this.#loop.run();
    return outcome!.result;
  }

  /** One turn of the shard's own. */
  turn(): void {
    this.#loop.runTurn();
  }

  /** Turns of its own until there is nothing to do. */
  settle(): void {
    this.sleep(() => undefined);
  }

  /** One command, answered by the shard itself. */
  ask(io: LendingIo, name: string, key: SessionKey | undefined, body: unknown = null): LentReply {
    io.push(name, key, body);
    io.publish();
    this.turn();
    return io.only();
  }

  counter(name: ShardCounter): number {
    return this.#counters.get(name);
  }

  /** Kinds of the events since the last call. */
  eventKinds(): number[] {
    const kinds: number[] = [];
    while (this.events.read(this.#eventsRead)) {
      kinds.push(this.events.kind);
      this.#eventsRead += 1;
    }
    return kinds;
  }

  /** Everything that must come back after a restart, by session. */
  describe(): string[] {
    const { sessions, defaults } = this.states;
    return describeStates({ sessions, defaults: defaults! }, this.clock.nowMs());
  }

  /** Every session as a snapshot would hold it, in an order of its own. */
  sessionEntries(): string[] {
    const { sessions } = this.states;
    const entries: string[] = [];
    for (let row = 0; row < sessions.rows.pool.end; row += 1) {
      if (!sessions.rows.isLive(row)) continue;
      const buffer = new EffectBuffer();
      encodeSession(sessions, row, buffer);
      const bytes = buffer.space.bytes.subarray(buffer.start, buffer.length);
      entries.push(Buffer.from(bytes).toString('hex'));
    }
    return entries.sort();
  }

  /** The same of what a restart finds in the folder. */
  describeRecovered(): string[] {
    this.#directory!.release();
    const directory = openDirectory(this.#directory!.path);
    const states = emptyStates(START_MS);
    const { path, recoveryPlans } = {
      path: directory.path,
      recoveryPlans: directory.recoveryPlans(),
    };
    recoverShard({
      ...{ files: new NodeFiles(), directory: path, plan: recoveryPlans[0]!, target: states },
      nowMs: 0,
    });
    directory.release();
    return describeStates(states, this.clock.nowMs());
  }

  /** Its ports, files and memory. */
  close(): void {
    for (const { links, borrowing } of this.#ioPlans) {
      for (const { port } of [...links, ...(borrowing ?? [])]) port.close();
    }
    this.storage?.log.close();
    for (const report of this.reports) {
      if (report.type === 'segment' && report.isClosed && report.fd >= 0)
        new NodeFiles().close(report.fd);
    }
    this.#directory?.release();
  }

  #openStorage(): ShardStorage | undefined {
    const { storage } = this.#plan;
    if (storage === undefined) return undefined;
    return openShardStorage({
      ...{ plan: this.#plan, storage, files: new NodeFiles(), ...this.states },
      ...{ clock: this.clock, counters: this.#counters },
      report: (message) => this.reports.push(message),
    });
  }

  /** As shard/shard.ts does, but for the orders of main. */
  #newLoop(): ShardLoop {
    const { links: plans, events, lending } = this.#plan;
    const { states, clock, storage } = this;
    const [counters, log] = [this.#counters, storage?.turnLog];
    const links = plans.map((link, io) => this.#newLink(link, io, log));
    const sinks = links.map(({ sink }) => sink);
    const parts = newTurnParts({
      ...{ shard: 0, config: this.#config, clock, counters, ...states, log, links, sinks, events },
      report: (message) => this.reports.push(message),
    });
    const memories = statesOf(states).map(({ memory }) => memory);
    return new ShardLoop({
      ...{
        ...parts,
        bell: this.bell,
        clock,
        spins: 0,
        onIdle: newIdleCollector(memories, { clock, commands: () => 0 }),
      },
      lending:
        lending &&
        new Lending({
          ...{ lease: this.lease!, ports: lending.ports, links },
          ...{ states: statesOf(states), log: storage, events: parts.events },
        }),
      isStopped: () => this.#hasSlept,
    });
  }

  #newLink(plan: LinkPlan, io: number, log: TurnLog | undefined): ShardLink {
    const ioBell = new Doorbell(this.#plan.ioBells[io]!);
    const sideRoad = new SideRoad(plan.port);
    const sink = new RingSink({
      ring: new RingProducer(plan.replies),
      room: { isRungFor: true, look: () => 0, wait: () => this.ios[io]!.take() },
      ...{ sideRoad, ioBell, counters: this.#counters, log },
    });
    const requests = new RingConsumer(plan.requests);
    return { requests, ioBell, sideRoad, sink, reply: new ReplyWriter(sink, io) };
  }
}

function openDirectory(path: string): DataDirectory {
  const host = hostFacts();
  return openDataDirectory({ files: new NodeFiles(), path, host, shards: 1, nowMs: START_MS });
}
