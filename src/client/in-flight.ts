/**
 * Commands on their way, and the table of those sent and not yet answered.
 *
 * The table is an array of slots, twice as many as commands may be in flight and a power of two; the
 * slot of an id is id modulo that. Ids count up and skip those whose slot is taken, so finding a
 * command by its reply's id is one array read. A reply to an id long past finds nothing.
 */
import type { CommandName } from '../protocol/catalogue.js';
import type { Body } from './body-writer.js';
import type { CommandPlan, Convert } from './command-plan.js';
import type { CurrentToken } from './current-token.js';

const ID_MAX = 0xffff_ffff;

/** How results and bodies look once their types no longer matter. */
export type AnyConvert = Convert<CommandName, unknown>;

export class PendingCommand {
  /** 0 until it is sent. */
  id = 0;
  sends = 0;
  /** Its promise is settled. A command that timed out stays in the table, so as to be counted. */
  isSettled = false;
  /** The encoded command while it waits to be sent. */
  encoded: Uint8Array | undefined = undefined;
  /** The client's tick at the last send. */
  sentTick = 0;
  readonly plan: CommandPlan;
  readonly token: CurrentToken | undefined;
  readonly body: Body;
  readonly convert: AnyConvert;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  /** The client's tick at the call. */
  readonly tick: number;

  constructor(parts: {
    readonly plan: CommandPlan;
    readonly token: CurrentToken | undefined;
    readonly body: Body;
    readonly convert: AnyConvert;
    readonly resolve: (result: unknown) => void;
    readonly reject: (error: Error) => void;
    readonly tick: number;
  }) {
    this.plan = parts.plan;
    this.token = parts.token;
    this.body = parts.body;
    this.convert = parts.convert;
    this.resolve = parts.resolve;
    this.reject = parts.reject;
    this.tick = parts.tick;
  }
}

export class InFlightTable {
  readonly #slots: (PendingCommand | undefined)[];
  readonly #mask: number;
  readonly #countMax: number;
  #nextId = 1;
  #count = 0;

  constructor(countMax: number) {
    const slots = 2 ** Math.ceil(Math.log2(countMax * 2));
    this.#slots = new Array<PendingCommand | undefined>(slots).fill(undefined);
    this.#mask = slots - 1;
    this.#countMax = countMax;
  }

  get isFull(): boolean {
    return this.#count >= this.#countMax;
  }

  /** Takes the command in and gives it its id. The table must not be full. */
  add(command: PendingCommand): void {
    let id = this.#nextId;
    while (this.#slots[id & this.#mask] !== undefined) id = id === ID_MAX ? 1 : id + 1;
    this.#nextId = id === ID_MAX ? 1 : id + 1;
    command.id = id;
    this.#slots[id & this.#mask] = command;
    this.#count += 1;
  }

  /** Gives the command of a reply and forgets it; undefined if there is none. */
  take(id: number): PendingCommand | undefined {
    const command = this.#slots[id & this.#mask];
    if (command?.id !== id) return undefined;
    this.#slots[id & this.#mask] = undefined;
    this.#count -= 1;
    return command;
  }

  /** All commands, in the order sent. */
  all(): PendingCommand[] {
    const commands = this.#slots.filter((command) => command !== undefined);
    // Ages, not ids, because ids start again at 1 after 2^32.
    const ageOf = (command: PendingCommand): number => (this.#nextId - command.id) >>> 0;
    return commands.sort((a, b) => ageOf(b) - ageOf(a));
  }

  /** Forgets all commands. */
  clear(): void {
    this.#slots.fill(undefined);
    this.#count = 0;
  }
}
