/** Starts many sessions over the socket, in batches on a few connections. */
import { Connection } from './connection.js';
import { TOKEN_BYTES, type Protocol } from './protocol.js';

const CONNECTIONS = 4;
const SESSIONS_PER_MESSAGE = 64;
const MESSAGES_IN_FLIGHT = 2;

export interface FillOptions {
  readonly port: number;
  readonly protocol: Protocol;
  readonly sessions: number;
  /** TOKEN_BYTES per session: read where the client names sessions, written where the server does. */
  readonly tokens: Buffer;
  /** Life of the session that is started now. */
  readonly secondsOf: (index: number) => number;
}

/** Resolves when every session is answered; rejects if any was refused. */
export async function fill(options: FillOptions): Promise<void> {
  const state: FillState = { options, next: 0 };
  await Promise.all(Array.from({ length: CONNECTIONS }, () => fillOne(state)));
}

interface FillState {
  readonly options: FillOptions;
  /** First session not asked for yet, by any connection. */
  next: number;
}

function nextMessage(state: FillState): { message: Buffer; replies: number } | undefined {
  const { protocol, sessions, tokens, secondsOf } = state.options;
  const end = Math.min(state.next + SESSIONS_PER_MESSAGE, sessions);
  const commands: Buffer[] = [];
  for (let index = state.next; index < end; index += 1) {
    const token = tokens.subarray(index * TOKEN_BYTES, (index + 1) * TOKEN_BYTES);
    commands.push(protocol.create(token, index, secondsOf(index)));
  }
  state.next = end;
  if (commands.length === 0) return undefined;
  const replies = commands.length * protocol.repliesPerCreate;
  return { message: protocol.message(commands), replies };
}

async function fillOne(state: FillState): Promise<void> {
  const { port, protocol, tokens } = state.options;
  const reader = protocol.replyReader((bytes, start, end) => {
    const created = protocol.created(bytes.subarray(start, end));
    if (created !== undefined) tokens.set(created.token, created.index * TOKEN_BYTES);
  });
  let awaited = 0;
  let finish: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const done = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const sendUpTo = (): void => {
    const messageReplies = SESSIONS_PER_MESSAGE * protocol.repliesPerCreate;
    while (awaited <= (MESSAGES_IN_FLIGHT - 1) * messageReplies) {
      const next = nextMessage(state);
      if (next === undefined) return;
      awaited += next.replies;
      connection.write(next.message);
    }
  };
  const onBytes = (bytes: Buffer, end: number): void => {
    awaited -= reader.read(bytes, end);
    if (reader.failures > 0) throw new Error(`${reader.failures} sessions were refused`);
    sendUpTo();
    if (awaited === 0) finish();
  };
  const connection = await Connection.open({ port, protocol, onBytes, onLost: fail });
  sendUpTo();
  if (awaited === 0) finish();
  try {
    await done;
  } finally {
    connection.close();
  }
}
