/** What the parts of one I/O thread share about the commands passing through it. */
import type { Config } from '../config/options.js';
import { shardOf } from '../core/slots.js';
import type { ConnectionTable } from './connection.js';
import type { DeferredTotal } from './deferred-frames.js';
import type { ShardLink } from './shard-link.js';
import type { TicketTable } from './tickets.js';
import type { Outgoing } from './outgoing.js';

export interface TrafficParts {
  readonly config: Config;
  readonly links: readonly ShardLink[];
  readonly connections: ConnectionTable;
  readonly tickets: TicketTable;
  readonly outgoing: Outgoing;
  readonly counters: Float64Array;
}

export class Traffic {
  readonly config: Config;
  readonly links: readonly ShardLink[];
  readonly connections: ConnectionTable;
  readonly tickets: TicketTable;
  readonly outgoing: Outgoing;
  readonly counters: Float64Array;
  /** Records on their way to shards or back, and calls to main, over all connections. */
  inFlight = 0;
  /** What waits for the answer to a command, over all connections. */
  readonly deferred: DeferredTotal = { bytes: 0 };
  /** New commands are answered 209. */
  isDraining = false;
  /** Call after pushing a command from outside of a turn. */
  wake: () => void = () => undefined;

  constructor(parts: TrafficParts) {
    this.config = parts.config;
    this.links = parts.links;
    this.connections = parts.connections;
    this.tickets = parts.tickets;
    this.outgoing = parts.outgoing;
    this.counters = parts.counters;
  }

  /** The link to the shard that owns the slot. */
  linkOf(slot: number): ShardLink {
    return this.links[shardOf(slot, this.links.length)]!;
  }
}
