/**
 * One connection to one server, made again when it is lost.
 *
 *   connecting -> open -> (lost) -> waiting -> connecting ...      until close() or giving up
 *
 * The first attempt is the caller's: if it fails, connect() rejects and nothing is tried again.
 * Waits grow until a frame arrives, not merely until a connection opens, so that a server which
 * accepts and drops at once is not hammered.
 */
import { openSocket as openPlatformSocket } from '#websocket';
import { backoffMs } from './backoff.js';
import { ConnectError } from './errors.js';
import type { ResolvedOptions } from './options.js';
import type { OpenSocket, Socket } from './socket.js';

/** Most that close() waits for the peer to answer the closing handshake. */
const CLOSE_HANDSHAKE_MS_MAX = 1_000;

export interface LinkEvents {
  opened(): void;
  /** The bytes are borrowed until this returns. */
  received(frame: Uint8Array): void;
  /** The open connection is gone; another is on its way. */
  lost(reason: string): void;
  /** No connection will come any more. Follows lost() if one was open. */
  gaveUp(reason: string): void;
}

type LinkState = 'connecting' | 'open' | 'waiting' | 'closed';

export class Link {
  readonly #url: string;
  readonly #options: ResolvedOptions;
  readonly #events: LinkEvents;
  readonly #openSocket: OpenSocket;
  #state: LinkState = 'waiting';
  #socket: Socket | undefined;
  #timer: unknown;
  /** Attempts failed in a row; back to 0 when one succeeds. */
  #failures = 0;
  /** Waits in a row; back to 0 when a frame arrives. */
  #waits = 0;
  /** Why we dropped the connection ourselves; tells more than the platform's reason. */
  #dropReason: string | undefined;
  #settleFirst: ((error?: ConnectError) => void) | undefined;
  #settleClose: (() => void) | undefined;

  constructor(
    url: string,
    options: ResolvedOptions,
    events: LinkEvents,
    openSocket: OpenSocket = openPlatformSocket,
  ) {
    this.#url = url;
    this.#options = options;
    this.#events = events;
    this.#openSocket = openSocket;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The first attempt. Rejects with ConnectError. */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settleFirst = (error) => {
        this.#settleFirst = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#attempt();
    });
  }

  /** Call while open only. The bytes may be changed as soon as this returns. */
  send(bytes: Uint8Array): void {
    this.#socket?.send(bytes);
  }

  /** Gives the open connection up as broken; it is made again like one that broke by itself. */
  drop(reason: string): void {
    if (this.#state !== 'open') return;
    this.#dropReason = reason;
    this.#socket?.terminate();
  }

  /** Resolves when the socket is gone. No event follows. */
  close(): Promise<void> {
    const state = this.#state;
    this.#state = 'closed';
    this.#clearTimer();
    const socket = this.#socket;
    if (socket === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#settleClose = resolve;
      if (state !== 'open') {
        socket.terminate();
        return;
      }
      this.#timer = this.#options.timers.setTimeout(
        () => socket.terminate(),
        CLOSE_HANDSHAKE_MS_MAX,
      );
      socket.close();
    });
  }

  #attempt(): void {
    this.#state = 'connecting';
    this.#dropReason = undefined;
    const { connectTimeoutMs, timers } = this.#options;
    this.#timer = timers.setTimeout(() => {
      this.#dropReason = `no connection in ${connectTimeoutMs} ms`;
      this.#socket?.terminate();
    }, connectTimeoutMs);
    this.#socket = this.#openSocket(this.#url, {
      opened: () => this.#opened(),
      received: (frame) => this.#received(frame),
      closed: (reason) => this.#closed(this.#dropReason ?? reason),
    });
  }

  #opened(): void {
    if (this.#state !== 'connecting') return;
    this.#clearTimer();
    this.#state = 'open';
    this.#failures = 0;
    this.#settleFirst?.();
    this.#events.opened();
    this.#options.onConnect();
  }

  #received(frame: Uint8Array): void {
    if (this.#socket === undefined) return;
    this.#waits = 0;
    this.#events.received(frame);
  }

  #closed(reason: string): void {
    const state = this.#state;
    this.#socket = undefined;
    this.#clearTimer();
    if (state === 'closed') {
      this.#settleClose?.();
      return;
    }
    if (this.#settleFirst !== undefined) {
      this.#state = 'closed';
      this.#settleFirst(new ConnectError(`cannot connect: ${reason}`));
      return;
    }
    if (state === 'connecting') this.#failures += 1;
    const isGivingUp = this.#failures >= this.#options.reconnect.attemptsMax;
    this.#state = isGivingUp ? 'closed' : 'waiting';
    if (state === 'open') this.#events.lost(reason);
    if (isGivingUp) this.#events.gaveUp(reason);
    else this.#wait();
    if (state === 'open') this.#options.onDisconnect(reason);
  }

  #wait(): void {
    const { reconnect, random, timers } = this.#options;
    const waitMs = backoffMs(this.#waits, reconnect, random);
    this.#waits += 1;
    this.#timer = timers.setTimeout(() => this.#attempt(), waitMs);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#options.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
