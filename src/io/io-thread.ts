/**
 * An I/O thread, put together: sockets on one side, rings on the other, and between them the router
 * for what comes in and the pump for what goes out. It never decodes a value, never touches a session
 * and never blocks.
 */
import { parentPort } from 'node:worker_threads';
import type { MainCall, MainCallAnswered } from '../config/main-call.js';
import type { ReuseReport } from '../config/shard-messages.js';
import type { IoThreadOrder, IoThreadPlan, IoThreadReport } from '../config/thread-plan.js';
import { hasUwsBinary, isUwsChosen } from '../config/transport-choice.js';
import { clockFrom } from '../core/clock.js';
import { ByteSpace } from '../core/copy.js';
import { IO_COUNTER_INDEX } from '../core/counters.js';
import { assert } from '../core/errors.js';
import { NativeWriter } from '../protocol/native-writer.js';
import { EventRingReader } from '../ring/event-ring.js';
import { Authentication } from './authentication.js';
import type { Borrow } from './borrowed-shard.js';
import { ConnectionTable, type Connection } from './connection.js';
import type { DeferredFrames } from './deferred-frames.js';
import { Drain } from './drain.js';
import { MainRequestReader } from './main-request.js';
import { MainRoad, writeAnswer } from './main-road.js';
import { Minting } from './minting.js';
import { CLOSE_TRY_AGAIN_LATER, Outgoing } from './outgoing.js';
import { OwnerLimit } from './owner-limit.js';
import { OwnerLocks } from '../ring/owner-locks.js';
import { ReplyPump } from './reply-pump.js';
import { Router } from './router.js';
import { ServerCommands } from './server-commands.js';
import { ShardLink } from './shard-link.js';
import { Subscriptions } from './subscriptions.js';
import { TextRouter } from './text-router.js';
import { TicketTable } from './tickets.js';
import { Tokens } from './tokens.js';
import { Traffic } from './traffic.js';
import type { Socket, Transport, TransportHandlers, TransportOptions } from './transport.js';
import { openUwsTransport } from './transport-uws.js';
import { openWsTransport } from './transport-ws.js';
import { Turns } from './turns.js';
import { Watches } from './watches.js';

/** Messages up to so many times --max-payload are still received, to be answered 204. */
const OVERSIZE_FACTOR = 16;
const MESSAGE_BYTES_MAX = 64 * 1_024 * 1_024;

/** Shorter frames are copied before they are read: new views of their memory cost four times that. */
const INBOX_BYTES = 16 * 1_024;

const CONNECTIONS_OPENED = IO_COUNTER_INDEX.connectionsOpened;
const CONNECTIONS_CLOSED = IO_COUNTER_INDEX.connectionsClosed;
const CONNECTIONS_REFUSED = IO_COUNTER_INDEX.connectionsRefused;
const FRAMES_IN = IO_COUNTER_INDEX.framesIn;

/** For peers to answer a close frame. Main waits longer than this for the thread to end. */
const LINGER_MS = 1_000;

/** Runs until main ends the thread or a drain is done. @param borrow makes its hold on a shard. */
export function startIoThread(plan: IoThreadPlan, borrow: Borrow): void {
  const port = parentPort;
  assert(port !== null, 'an I/O thread runs in a worker');
  const report = (message: IoThreadReport): void => {
    port.postMessage(message);
  };
  const thread = new IoThread(plan, report, borrow);
  // A thread must not end with native sockets open: Node would abort the process without a reason.
  process.once('uncaughtException', (error) => {
    thread.abandon();
    // Sockets are gone one turn of the event loop after they were closed. This time it is fatal.
    setTimeout(() => {
      throw error;
    }, 1);
  });
  port.on('message', (order: IoThreadOrder) => {
    if (order.type === 'listen') {
      thread.listen(order).then(report, (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        report({ type: 'listen-failed', reason });
      });
    } else if (order.type === 'answer') {
      thread.answer(order);
    } else {
      void thread.drain(order.deadlineMs).then(() => {
        report({ type: 'drained' });
        // Nothing is left to do; without the port the thread ends when its sockets are gone.
        port.close();
        thread.closeSoon();
      });
    }
  });
}

export class IoThread implements TransportHandlers<Connection> {
  readonly #plan: IoThreadPlan;
  readonly #traffic: Traffic;
  readonly #router: Router;
  readonly #textRouter: TextRouter;
  readonly #mainRoad: MainRoad;
  readonly #watches: Watches;
  readonly #subscriptions: Subscriptions;
  readonly #authentication: Authentication;
  readonly #pump: ReplyPump;
  readonly #turns: Turns;
  readonly #counters: Float64Array;
  readonly #inbox = new ByteSpace(new ArrayBuffer(INBOX_BYTES));
  #transport: Transport | undefined;

  /** @param post takes calls and reports to main. */
  constructor(plan: IoThreadPlan, post: (message: MainCall | ReuseReport) => void, borrow: Borrow) {
    const { config, links, shardBells } = plan;
    this.#plan = plan;
    this.#counters = new Float64Array(plan.counters);
    this.#traffic = new Traffic({
      config,
      links: links.map((link, shard) => new ShardLink(link, shardBells[shard]!, this.#counters)),
      connections: new ConnectionTable(config.maxConnections),
      tickets: new TicketTable(),
      outgoing: new Outgoing(config.maxUnsent, this.#counters),
      counters: this.#counters,
    });
    const { startedMs, events, allCounters } = plan;
    const ring = new EventRingReader(events, startedMs);
    this.#subscriptions = new Subscriptions(this.#traffic, ring);
    this.#authentication = new Authentication(this.#traffic, plan, {
      deliver: (...args) => this.#pump.deliver(...args),
      resume: (name) => this.#resume(name),
    });
    const server = new ServerCommands({
      config,
      clock: clockFrom(plan.clock),
      startedMs,
      allCounters,
      subscriptions: this.#subscriptions,
      authentication: this.#authentication,
      serverVersion: plan.serverVersion,
      shards: links.length,
    });
    const tokens = new Tokens(plan.secret);
    this.#watches = new Watches(this.#traffic);
    this.#mainRoad = new MainRoad(post);
    this.#router = new Router({
      traffic: this.#traffic,
      tokens,
      minting: new Minting({
        ...{ tokens, tickets: this.#traffic.tickets },
        isShortForm: config.tokenForm === 'uint64',
      }),
      ownerLimit: this.#newOwnerLimit(),
      server,
      mainRoad: this.#mainRoad,
      mainRequests: new MainRequestReader(tokens, {
        itemsMax: config.maxKeys,
        hasDataDirectory: !config.memory,
      }),
      watches: this.#watches,
    });
    this.#textRouter = new TextRouter(this.#traffic, this.#router);
    const pump = new ReplyPump(this.#traffic, this.#watches);
    this.#pump = pump;
    for (const [shard, link] of this.#traffic.links.entries()) {
      const { replies, sideRoad } = link;
      const takeReplies = (): void => void pump.pump();
      link.borrowed = borrow(shard, { replies, sideRoad, pump: takeReplies, report: post });
    }
    const clock = clockFrom(plan.clock);
    this.#turns = new Turns(
      this.#traffic,
      { pump, subscriptions: this.#subscriptions },
      plan,
      clock,
    );
    this.#traffic.wake = () => this.#turns.start();
  }

  /** One shard decides by itself. */
  #newOwnerLimit(): OwnerLimit | undefined {
    const { config, links, ownerLocks } = this.#plan;
    if (config.maxSessionsPerOwner === 0 || links.length === 1) return undefined;
    const limit = new OwnerLimit(this.#traffic, new OwnerLocks(ownerLocks));
    limit.resume = (name) => this.#resume(name);
    return limit;
  }

  /** Routes what has waited, as far as the next command that must be waited for. */
  #resume(name: number): void {
    const traffic = this.#traffic;
    traffic.inFlight -= 1;
    const connection = traffic.connections.find(name);
    const frames = connection?.deferred?.take() ?? [];
    if (connection !== undefined) connection.deferred = undefined;
    for (const { bytes, isText } of frames) {
      if (connection === undefined || connection.isCondemned) return;
      const again = connection.deferred as DeferredFrames | undefined;
      if (again !== undefined) again.add(bytes, isText);
      else if (isText) this.#textRouter.routeFrame(connection, bytes);
      else this.#router.routeFrame(connection, new ByteSpace(bytes.buffer), bytes.length);
    }
    if (traffic.inFlight > 0) this.#turns.start();
  }

  #defer(
    connection: Connection,
    deferred: DeferredFrames,
    bytes: Uint8Array,
    isText: boolean,
  ): void {
    deferred.add(bytes.slice(), isText);
    if (!deferred.isOverfull) return;
    deferred.take();
    const reason = 'too many commands were sent while the server was busy';
    this.#traffic.outgoing.condemn(connection, CLOSE_TRY_AGAIN_LATER, reason);
  }

  async listen(order: {
    readonly port: number;
    readonly isExclusive: boolean;
  }): Promise<IoThreadReport> {
    const { config } = this.#plan;
    const options: TransportOptions<Connection> = {
      host: config.host,
      messageBytesMax: Math.min(MESSAGE_BYTES_MAX, config.maxPayload * OVERSIZE_FACTOR),
      handlers: this,
    };
    const isUws = isUwsChosen(config.transport);
    if (isUws && !hasUwsBinary()) {
      throw new Error(
        `uWebSockets.js has no binary for Node ${process.versions.node} on ` +
          `${process.platform} ${process.arch}: use --transport ws`,
      );
    }
    const transport = isUws ? await openUwsTransport(options) : openWsTransport(options);
    this.#transport = transport;
    const port = await transport.listen(order);
    return { type: 'listening', port, transport: transport.name };
  }

  /** Main has answered a call. */
  answer(answered: MainCallAnswered): void {
    const caller = this.#mainRoad.take(answered);
    if (caller === undefined) return;
    const reply = new NativeWriter();
    writeAnswer(reply, caller.id, answered.answer);
    this.#pump.deliver(caller, reply);
  }

  /** Resolves when every command is answered and every connection closed, or at the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    this.#transport?.stopListening();
    const clock = clockFrom(this.#plan.clock);
    await new Drain(this.#traffic, clock).run(deadlineMs);
    // Else a shard that never answered would keep the thread turning.
    this.#turns.stop();
    this.#subscriptions.stop();
    // While other threads still drain, their commands change what was watched here.
    for (const link of this.#traffic.links) link.close();
  }

  /**
   * After a drain: drops peers that do not close their side in time. Their sockets would keep the
   * thread alive, and a thread ended by force with native sockets open aborts the process.
   */
  closeSoon(): void {
    setTimeout(() => this.#transport?.close(), LINGER_MS).unref();
  }

  /** Closes everything at once. */
  abandon(): void {
    this.#turns.stop();
    this.#subscriptions.stop();
    this.#transport?.stopListening();
    this.#transport?.close();
  }

  mayOpen(): boolean {
    const { connections, isDraining } = this.#traffic;
    if (!connections.isFull && !isDraining) return true;
    this.#counters[CONNECTIONS_REFUSED]! += 1;
    return false;
  }

  onOpen(socket: Socket, authorization: string): Connection {
    this.#counters[CONNECTIONS_OPENED]! += 1;
    const connection = this.#traffic.connections.open(socket);
    this.#authentication.open(connection, authorization);
    return connection;
  }

  onBinary(connection: Connection, message: ArrayBuffer): void {
    if (connection.isCondemned) return;
    this.#counters[FRAMES_IN]! += 1;
    const { deferred } = connection;
    if (deferred !== undefined) {
      this.#defer(connection, deferred, new Uint8Array(message), false);
      return;
    }
    const bytes = message.byteLength;
    if (bytes <= INBOX_BYTES) {
      this.#inbox.bytes.set(new Uint8Array(message));
      this.#router.routeFrame(connection, this.#inbox, bytes);
    } else {
      this.#router.routeFrame(connection, new ByteSpace(message), bytes);
    }
    if (this.#traffic.inFlight > 0) this.#turns.start();
  }

  onText(connection: Connection, message: ArrayBuffer): void {
    if (connection.isCondemned) return;
    this.#counters[FRAMES_IN]! += 1;
    const { deferred } = connection;
    if (deferred !== undefined) {
      this.#defer(connection, deferred, new Uint8Array(message), true);
      return;
    }
    this.#textRouter.routeFrame(connection, new Uint8Array(message));
    if (this.#traffic.inFlight > 0) this.#turns.start();
  }

  onDrain(connection: Connection): void {
    this.#traffic.outgoing.onDrain(connection);
  }

  onClose(connection: Connection): void {
    this.#counters[CONNECTIONS_CLOSED]! += 1;
    this.#traffic.connections.close(connection);
    connection.deferred?.take();
    this.#watches.forget(connection);
    this.#subscriptions.forget(connection);
  }
}
