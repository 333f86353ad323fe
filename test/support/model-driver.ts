/**
 * Plays the same commands to a server and to the reference model and compares the replies. It keeps
 * which token and which id the server has given for each label of the model.
 */
import type { SharedManualClock } from '../../src/core/clock.js';
import {
  textOfToken,
  type ModelClient,
  type ReceivedPush,
  type ReceivedReply,
  type ReceivedValue,
} from './model-clients.js';
import type { Config } from '../../src/config/options.js';
import { ReferenceModel, type Body, type Label, type Reply } from './reference-model.js';

/** Which of the tokens seen so far, counted from the last; or one that nobody has. */
export type TokenChoice = number | 'none' | 'unknown';

export interface ModelCommand {
  readonly connection: number;
  readonly name: string;
  readonly token: TokenChoice;
  /** Tokens and ids in it are TokenChoices, the version of SH_CAS is how far it is behind. */
  readonly body: Body;
  /** The status, where it is refused as it stands, whatever else there is. */
  readonly refused?: number;
}

interface Told {
  readonly command: ModelCommand;
  readonly token: Label | undefined;
  readonly body: Body;
}

/** What each watcher was told of each session. */
type Stories = Map<string, string[]>;

const UNKNOWN = 'unknown';
const [SAVED, LOADED] = [121, 141];
const UNKNOWN_TOKEN = new Uint8Array(24).fill(7);

let runs = 0;

export class ModelDriver {
  #clients: readonly ModelClient[];
  readonly #clock: SharedManualClock;
  readonly #model: ReferenceModel;
  readonly #tokens = new Map<Label, Uint8Array>();
  readonly #labels = new Map<string, Label>();
  readonly #ids = new Map<Label, string>();
  readonly #run = (runs += 1);

  private constructor(
    clients: readonly ModelClient[],
    clock: SharedManualClock,
    model: ReferenceModel,
  ) {
    this.#clients = clients;
    this.#clock = clock;
    this.#model = model;
  }

  /** On a server that holds nothing. */
  static async start(
    clients: readonly ModelClient[],
    clock: SharedManualClock,
    config: Config,
  ): Promise<ModelDriver> {
    const client = clients[0]!;
    const ask = async (name: string, body: Body): Promise<ReceivedReply> => {
      client.send({ name, token: undefined, body });
      return await client.receive();
    };
    await ask('SH_END_ALL', {});
    await ask('KV_CLEAR', {});
    await settle(clients);
    const { body } = await ask('KV_GET', { keys: [], version: true });
    const model = new ReferenceModel(config);
    model.nowMs = clock.nowMs();
    Object.assign(model.find(undefined, 'KV_GET'), { version: Number(body.get('version')) });
    return new ModelDriver(clients, clock, model);
  }

  /** Time goes on for both. */
  async advance(ms: number): Promise<void> {
    this.#clock.advance(ms);
    this.#model.nowMs = this.#clock.nowMs();
    // A shard that is in the middle of a turn still has the time of its start.
    await askAllShards(this.#clients[0]!);
  }

  /**
   * On new connections to the same server, which was stopped and started: everything is there still,
   * but nobody watches. When a session was used last is not kept that exactly; so each is used now.
   */
  async restarted(clients: readonly ModelClient[]): Promise<void> {
    this.#clients = clients;
    for (const [label, token] of [...this.#tokens]) {
      const on = this.#model.find(label);
      if (typeof on === 'number' || on.token !== label) continue;
      on.watchers = [];
      for (const name of ['SH_INFO', 'SH_GET_ALL']) {
        const body = {};
        clients[0]!.send({ name, token, body });
        const told = { command: { connection: 0, name, token: 0, body }, token: label, body };
        this.#compare(told, await clients[0]!.receive(), this.#model.execute(name, label, {}, 0));
      }
    }
  }

  /** One command, and its reply. */
  async run(command: ModelCommand): Promise<void> {
    await this.runAll([command]);
  }

  /** Several commands at once, each connection's in order; then their replies. */
  async runAll(commands: readonly ModelCommand[]): Promise<void> {
    const told = commands.map((command) => this.#tell(command));
    for (const { token, body, command } of told) {
      const sent = token === undefined ? undefined : this.#tokenOf(token);
      this.#clientOf(command).send({ name: command.name, token: sent, body: this.#toBytes(body) });
    }
    const replies: ReceivedReply[] = [];
    // All of them, so that none is left where one is wrong.
    for (const { command } of told) replies.push(await this.#clientOf(command).receive());
    for (const [index, each] of told.entries()) {
      const { name, refused } = each.command;
      const isRefused = refused !== undefined;
      const expected: Reply = isRefused
        ? [refused]
        : this.#model.execute(name, each.token, each.body, this.#numberOf(each.command));
      this.#compare(each, replies[index]!, expected);
    }
  }

  /** Compares what watchers were told since the last time, of each session in order. */
  async comparePushes(): Promise<void> {
    // Due sessions end in the model, too.
    this.#model.execute('SH_INFO_ALL', undefined, {}, 0);
    const received = await settle(this.#clients);
    const rootOf = this.#rootsOfIds();
    const byStory = (stories: Stories, at: number, event: string, body: Body): void => {
      const name = `connection ${at}, ${rootOf(String(body['id']))}`;
      const story = stories.get(name) ?? [];
      // Of two deadlines that have passed when a shard looks, the last may speak for both.
      if (event === 'expired' && story.at(-1)?.startsWith('cleared {expired')) story.pop();
      stories.set(name, [...story, `${event} ${canonical(body)}`]);
    };
    const [expected, actual]: [Stories, Stories] = [new Map(), new Map()];
    for (const { connection, event, body } of this.#model.pushes) {
      byStory(expected, connection, event, body);
    }
    for (const [connection, pushes] of received.entries()) {
      for (const { event, body } of pushes) {
        const told = Object.fromEntries(body) as Record<string, ReceivedValue>;
        for (const name of ['id', 'newId'].filter((each) => each in told)) {
          told[name] = this.#labels.get(String(told[name])) ?? told[name]!;
        }
        byStory(actual, connection, event, told);
      }
    }
    this.#model.pushes.length = 0;
    const texts = [expected, actual].map((stories) => JSON.stringify([...stories].sort(), null, 1));
    if (texts[0] !== texts[1])
      throw new Error(`watchers hear ${texts[1]}\n instead of ${texts[0]}`);
  }

  /** What a session was first called, however often it was rotated. */
  #rootsOfIds(): (id: Label) => Label {
    const roots = new Map<Label, Label>();
    const rootOf = (id: Label): Label => roots.get(id) ?? id;
    for (const { event, body } of this.#model.pushes) {
      if (event === 'rotated') roots.set(String(body['newId']), rootOf(String(body['id'])));
    }
    return rootOf;
  }

  #numberOf({ connection }: ModelCommand): number {
    return connection % this.#clients.length;
  }

  #clientOf(command: ModelCommand): ModelClient {
    return this.#clients[this.#numberOf(command)]!;
  }

  /** The command in the model's terms. */
  #tell(command: ModelCommand): Told {
    const token = command.token === 'none' ? undefined : this.#labelOf(command.token);
    const body: Record<string, unknown> = { ...command.body };
    for (const name of ['except', 'id']) {
      if (name in body) body[name] = this.#labelOf(body[name] as TokenChoice);
    }
    // Sets stay from one run to the next: each has names of its own.
    const isOfSet = /_(?:SAVE|LOAD)$/.test(command.name) && command.refused === undefined;
    if (isOfSet) body['name'] = `${String(body['name'])}-${this.#run}`;
    const tokens = body['tkns'];
    if (Array.isArray(tokens))
      body['tkns'] = tokens.map((each) => this.#labelOf(each as TokenChoice));
    if (command.name.endsWith('_CAS') && command.refused === undefined) {
      const on = this.#model.find(token, command.name);
      const version = typeof on === 'number' ? 0 : on.version;
      body['version'] = BigInt(Math.max(0, version - Number(body['version'])));
    }
    return { command, token, body };
  }

  #labelOf(choice: TokenChoice): Label {
    const known = [...this.#tokens.keys()];
    if (typeof choice !== 'number' || known.length === 0) return UNKNOWN;
    return known.at(-1 - (choice % known.length))!;
  }

  #tokenOf(label: Label): Uint8Array {
    return this.#tokens.get(label) ?? UNKNOWN_TOKEN;
  }

  /** With what the server knows instead of labels. */
  #toBytes(body: Body): Body {
    const sent: Record<string, unknown> = { ...body };
    if ('except' in sent) sent['except'] = this.#tokenOf(String(sent['except']));
    if ('id' in sent) sent['id'] = this.#ids.get(String(sent['id'])) ?? '0'.repeat(24);
    const { tkns, cmds } = sent;
    if (Array.isArray(tkns)) sent['tkns'] = tkns.map((each) => this.#tokenOf(each as Label));
    // The third of a batch's command is for the model.
    if (Array.isArray(cmds)) sent['cmds'] = cmds.map((each) => (each as unknown[]).slice(0, 2));
    return sent;
  }

  #compare(told: Told, received: ReceivedReply, [status, body]: Reply): void {
    const expected: Record<string, unknown> = {
      ...body,
      ...this.#textAdditions(told, status, body ?? {}),
    };
    const actual = new Map(received.body);
    if ('rsps' in expected) {
      const rsps = expected['rsps'] as Reply[];
      expected['rsps'] = rsps.map(([st, each]) => [st, each ?? null]);
    }
    // Here a count, elsewhere data.
    if (typeof expected['keys'] === 'number') expected['keys'] = BigInt(expected['keys']);
    // How long a save or a load took is its own affair.
    if (status === SAVED || status === LOADED) actual.delete('duration');
    this.#learn(expected, actual);
    this.#toLabels(actual);
    const both = [canonical([status, expected]), canonical([received.status, actual])];
    if (both[0] === both[1]) return;
    const { command, token, body: sent } = told;
    throw new Error(
      `${command.name} ${token ?? 'without a token'} ${canonical(sent)}\n` +
        `  is answered ${both[1]}\n  instead of  ${both[0]}`,
    );
  }

  /** What text replies hold besides. */
  #textAdditions({ command, token }: Told, status: number, body: Body): Body {
    if (!this.#clientOf(command).isText) return {};
    const { name } = command;
    if (name === 'SH_OPEN' && status === 102) return { tkn: null };
    if (name !== 'SH_END' && name !== 'SH_INFO') return {};
    if (token === undefined || (status !== 1 && status !== 100)) return {};
    const isUnknown = name === 'SH_INFO' && status === 100;
    const known = isUnknown ? { shared: null, keyCnt: null } : {};
    return { tkn: token, ...known, ...this.#wholeSeconds(token, body['expiry'] as Body) };
  }

  /** Text replies to integers as tokens say what remains in whole seconds, truncated. */
  #wholeSeconds(token: Label, expiry: Body | undefined): Body {
    if (expiry === undefined || this.#tokenOf(token).length !== 8) return {};
    return {
      expiry: { ...expiry, remaining: Math.max(0, Math.ceil(Number(expiry['remaining'])) - 1) },
    };
  }

  /** Takes in tokens and ids that the model has named and the server shows for the first time. */
  #learn(expected: Body, actual: ReadonlyMap<string, ReceivedValue>): void {
    const [label, id] = [expected['tkn'], expected['id']];
    const [tokenText, idText] = [actual.get('tkn'), actual.get('id')];
    if (typeof label === 'string' && !this.#tokens.has(label) && label !== UNKNOWN) {
      const token = bytesOfToken(tokenText);
      if (token !== undefined) this.#remember(label, token);
    }
    if (typeof id === 'string' && !this.#ids.has(id)) {
      this.#ids.set(id, String(idText));
      this.#labels.set(String(idText), id);
    }
  }

  #remember(label: Label, token: Uint8Array): void {
    this.#tokens.set(label, token);
    this.#labels.set(textOfToken(token), label);
  }

  #toLabels(actual: Map<string, ReceivedValue>): void {
    const labelFrom = (value: ReceivedValue): ReceivedValue => {
      const known = this.#labels.get(String(value));
      if (known !== undefined) return known;
      const token = bytesOfToken(value);
      const text = token === undefined ? '' : textOfToken(token);
      return text === textOfToken(UNKNOWN_TOKEN) ? UNKNOWN : (this.#labels.get(text) ?? value);
    };
    for (const name of ['tkn', 'id']) {
      const value = actual.get(name);
      if (value !== undefined && value !== null) actual.set(name, labelFrom(value));
    }
    const [exist, sessions] = [actual.get('exist'), actual.get('sessions')];
    if (Array.isArray(exist)) actual.set('exist', exist.map(labelFrom));
    if (!Array.isArray(sessions)) return;
    for (const each of sessions as Map<string, ReceivedValue>[])
      each.set('id', labelFrom(each.get('id')!));
  }
}

async function askAllShards(client: ModelClient): Promise<void> {
  client.send({ name: 'SH_INFO_ALL', token: undefined, body: {} });
  await client.receive();
}

/** Lets all that is due happen and be told. @returns the pushes of each connection so far. */
async function settle(clients: readonly ModelClient[]): Promise<ReceivedPush[][]> {
  // The first round sweeps, and pushes may come behind its replies, but not behind the second's.
  for (const client of [...clients, ...clients]) await askAllShards(client);
  return clients.map((client) => client.pushes.splice(0));
}

/** From what a reply holds: an integer, base64url of 24 bytes, or base64 of 24 or 8. */
function bytesOfToken(value: ReceivedValue | undefined): Uint8Array | undefined {
  if (typeof value === 'string') {
    const bytes = new Uint8Array(Buffer.from(value, 'base64'));
    return bytes.length === 24 || bytes.length === 8 ? bytes : undefined;
  }
  if (typeof value !== 'bigint') return undefined;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** Members whose values are data of clients: there 2.0 is not 2, and keys have their order. */
const DATA = ['keys', 'value', 'set'];

/** Text that is the same for the same reply. */
function canonical(value: unknown, isData = false): string {
  if (typeof value === 'number') return isData ? `float ${value}` : String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each, isData)).join()}]`;
  const all = (value instanceof Map ? [...value] : Object.entries(value)) as [string, unknown][];
  const pairs = all.filter(([, each]) => each !== undefined);
  if (pairs.length === 0 && !isData) return 'null';
  const texts = pairs.map(([name, each]) => {
    // Lists of sessions are in no particular order.
    if (name === 'sessions' && Array.isArray(each))
      return `sessions:${textsOf(each as unknown[])
        .sort()
        .join()}`;
    return `${name}:${canonical(each, isData || DATA.includes(name))}`;
  });
  return `{${(isData ? texts : texts.sort()).join()}}`;
}

function textsOf(values: readonly unknown[]): string[] {
  return values.map((each) => canonical(each));
}
