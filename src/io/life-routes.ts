/**
 * The routes of the commands that mint a token or give an owner a session: SH_NEW, SH_OPEN, SH_ROTATE
 * and SH_SET_OWNER. Where an owner's limit must be decided over several shards, the command goes to
 * its shard with a note that sees to it (owner-limit.ts).
 */
import type { ByteSpace } from '../core/copy.js';
import { NativeCommand } from '../protocol/native-frame.js';
import type { Connection } from './connection.js';
import type { Minting } from './minting.js';
import type { LimitedCommand, OwnerLimit } from './owner-limit.js';
import { ROUTE_BY_OP, ROUTE_OPEN, ROUTE_ROTATE, ROUTE_SET_OWNER } from './routes.js';
import type { RequestHeader, ShardLink } from './shard-link.js';
import { findSharedName } from './shared-name.js';
import type { TextRequest } from './text-lane.js';
import { NO_TICKET, type Note } from './tickets.js';
import type { Tokens } from './tokens.js';
import type { Traffic } from './traffic.js';

/** What the router does for them. */
export interface RouterDesk {
  /** Of the command in hand. */
  readonly header: RequestHeader;
  /** @returns false if there is no room. */
  push(
    connection: Connection,
    link: ShardLink,
    space: ByteSpace,
    command: NativeCommand,
    ticket: number,
  ): boolean;
  /** Refuses the command for want of room. */
  hold(connection: Connection, id: number, text: TextRequest | undefined): void;
  /** Lets what the connection sends from here on wait until the command in hand is answered. */
  defer(connection: Connection, text: TextRequest | undefined): void;
  /** To the shard of the command's token. */
  routeSession(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
    note: Note,
  ): boolean;
}

export interface LifeRoutesParts {
  readonly traffic: Traffic;
  readonly tokens: Tokens;
  readonly minting: Minting;
  /** Undefined where no limit must be decided here. */
  readonly ownerLimit: OwnerLimit | undefined;
}

export class LifeRoutes {
  readonly #parts: LifeRoutesParts;
  readonly #desk: RouterDesk;
  /** A command whose body is not as it came. */
  readonly #rewritten = new NativeCommand();

  constructor(parts: LifeRoutesParts, desk: RouterDesk) {
    this.#parts = parts;
    this.#desk = desk;
  }

  route(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
  ): void {
    const route = ROUTE_BY_OP[command.op];
    if (route === ROUTE_ROTATE) {
      this.#rotate(connection, space, command, text);
      return;
    }
    const limit = this.#parts.ownerLimit;
    const caller = { connection: connection.name, id: command.id, text };
    const limited = limit?.noteFor(caller, space, command);
    if (limited !== undefined && limit?.isFull === true) {
      this.#desk.hold(connection, command.id, text);
      return;
    }
    if (route !== ROUTE_SET_OWNER) {
      this.#start(connection, space, command, text, limited);
      return;
    }
    const desk = this.#desk;
    const isSent = desk.routeSession(connection, space, command, text, limited ?? text);
    if (limited === undefined || !isSent) return;
    limited.keep(desk.header, NO_TICKET);
    limited.isDeferring = true;
    desk.defer(connection, text);
  }

  /** The token is made here and waits in the ticket for the reply: shards see digests only. */
  #start(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
    limited: LimitedCommand | undefined,
  ): void {
    const { minting, tokens, traffic } = this.#parts;
    const { header } = this.#desk;
    const isOpening = ROUTE_BY_OP[command.op] === ROUTE_OPEN;
    const name = findSharedName(space, command.bodyAt, command.bodyEnd, isOpening);
    const ticket = traffic.tickets.take(limited ?? text);
    header.flags |= minting.forStart(ticket, name, text !== undefined);
    header.op = command.op;
    header.slot = tokens.slot;
    limited?.keep(header, ticket);
    const link = traffic.linkOf(tokens.slot);
    if (!this.#desk.push(connection, link, space, command, ticket)) {
      traffic.tickets.giveBack(ticket);
      this.#desk.hold(connection, command.id, text);
    } else if (limited !== undefined && name !== undefined) {
      // Whoever knows the name may know the token already.
      limited.isDeferring = true;
      this.#desk.defer(connection, text);
    }
  }

  #rotate(
    connection: Connection,
    space: ByteSpace,
    command: NativeCommand,
    text: TextRequest | undefined,
  ): void {
    const { minting, tokens, traffic } = this.#parts;
    const { header } = this.#desk;
    const isText = text !== undefined;
    // Without a usable token any shard can say what is wrong.
    tokens.slot = connection.name & 1023;
    header.flags |= minting.see(space, command) | minting.rotationFlags(isText);
    header.op = command.op;
    header.slot = tokens.slot;
    const ticket = traffic.tickets.take(text);
    const place = { space, at: command.bodyAt, end: command.bodyEnd };
    const body = minting.forRotation(ticket, place, isText);
    this.#rewritten.bodyAt = body.at;
    this.#rewritten.bodyEnd = body.end;
    const link = traffic.linkOf(header.slot);
    if (this.#desk.push(connection, link, body.space, this.#rewritten, ticket)) return;
    traffic.tickets.giveBack(ticket);
    this.#desk.hold(connection, command.id, text);
  }
}
