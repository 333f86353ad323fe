import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import type { Client } from '../../../src/client/client.js';
import { withToken } from '../../../src/client/command-writer.js';
import {
  BusyError,
  ClosedError,
  ConnectionLostError,
  MalformedReplyError,
  TimeoutError,
} from '../../../src/client/errors.js';
import type { ClientOptions } from '../../../src/client/options.js';
import type { Session } from '../../../src/client/session.js';
import { tokenTextOf } from '../../../src/client/token-text.js';
import { commandsOf, endOfTick, FakeNetwork, stateOf, TOKEN, TOKEN_BYTES } from './fake-network.js';

const [COUNT, INC, ROTATE] = [39, 42, 10];
const NEW_BYTES = Uint8Array.from({ length: 24 }, (_, at) => 100 + at);
const NEW_TOKEN = tokenTextOf(NEW_BYTES)!;
const ROTATED = { tkn: NEW_BYTES, id: 'cd34' };

interface World {
  readonly network: FakeNetwork;
  readonly client: Client;
  readonly session: Session;
}

async function world(options?: ClientOptions): Promise<World> {
  const network = new FakeNetwork();
  const client = await network.client(options);
  return { network, client, session: client.session(TOKEN) };
}

/** Op and token of each command that has been sent. */
function sent(network: FakeNetwork): [number, string | undefined][] {
  return network.socket.commands.map(({ op, token }) => [op, tokenTextOf(token)]);
}

describe('Session.rotate', () => {
  test.each([
    ['a number', 5],
    ['null', null],
    ['a misspelt grace', { Grace: 5 }],
  ])('does not replace the token without the grace that was meant by %s', async (_, options) => {
    const { network, session } = await world();
    await expect(session.rotate(options as never)).rejects.toThrow(TypeError);
    await endOfTick();
    expect(network.socket.commands).toEqual([]);
  });

  test('asks for a new token, with a grace if one is given', async () => {
    const { network, session } = await world();
    void session.rotate();
    await endOfTick();
    expect(network.socket.commands[0]).toMatchObject({
      op: ROTATE,
      token: TOKEN_BYTES,
      body: null,
    });
    network.socket.answers(ROTATE, ROTATED);
    void session.rotate({ grace: 1.5 });
    await endOfTick();
    expect(network.socket.commands[1]).toMatchObject({ token: NEW_BYTES, body: { grace: 1.5 } });
  });

  test('gives the new token, and the session has it and its id from then on', async () => {
    const { network, session } = await world();
    const rotated = session.rotate();
    await endOfTick();
    expect([session.token, session.id]).toEqual([TOKEN, undefined]);
    network.socket.answers(ROTATE, ROTATED);
    expect([session.token, session.id]).toEqual([NEW_TOKEN, 'cd34']);
    expect(await rotated).toBe(NEW_TOKEN);
    void session.count();
    await endOfTick();
    expect(sent(network).at(-1)).toEqual([COUNT, NEW_TOKEN]);
  });

  test('holds back what is called meanwhile, and sends it with the new token, in order', async () => {
    const { network, client, session } = await world();
    void session.count();
    void session.rotate();
    void session.inc('a');
    void session.count();
    void client.session(TOKEN).end(); // another object knows nothing of it
    await endOfTick();
    expect(sent(network)).toEqual([
      [COUNT, TOKEN],
      [ROTATE, TOKEN],
      [3, TOKEN],
    ]);
    network.socket.answers(ROTATE, ROTATED);
    await endOfTick();
    expect(sent(network).slice(3)).toEqual([
      [INC, NEW_TOKEN],
      [COUNT, NEW_TOKEN],
    ]);
  });

  test('holds values as they were at the call', async () => {
    const { network, session } = await world();
    const basket = ['apple'];
    void session.rotate();
    void session.set({ basket });
    basket.push('pear');
    await endOfTick();
    network.socket.answers(ROTATE, ROTATED);
    await endOfTick();
    expect(network.socket.commands.at(-1)!.body).toEqual({ keys: { basket: ['apple'] } });
  });

  test('may be called twice: the second goes out with the token of the first', async () => {
    const { network, session } = await world();
    const third = Uint8Array.from({ length: 24 }, (_, at) => 200 + at);
    void session.rotate();
    void session.count();
    void session.rotate();
    void session.inc('a');
    await endOfTick();
    network.socket.answers(ROTATE, ROTATED);
    await endOfTick();
    network.socket.answers(ROTATE, { tkn: third, id: 'ef56' });
    await endOfTick();
    expect(sent(network)).toEqual([
      [ROTATE, TOKEN],
      [COUNT, NEW_TOKEN],
      [ROTATE, NEW_TOKEN],
      [INC, tokenTextOf(third)],
    ]);
  });

  test.each([
    ['fails', (network: FakeNetwork) => network.socket.answers(ROTATE, null, 203), BusyError],
    [
      'brings no token',
      (network: FakeNetwork) => network.socket.answers(ROTATE, { tkn: Uint8Array.of(1), id: 'x' }),
      MalformedReplyError,
    ],
  ])('goes on with the old token when it %s', async (_what, answer, error) => {
    const { network, session } = await world();
    const rotated = session.rotate();
    const count = session.count();
    await endOfTick();
    answer(network);
    await expect(rotated).rejects.toThrow(error);
    await endOfTick();
    expect(sent(network).at(-1)).toEqual([COUNT, TOKEN]);
    network.socket.answers(COUNT, { cnt: 1 });
    expect(await count).toBe(1);
    expect(session.token).toBe(TOKEN);
  });

  test('refuses a grace that is no number, and holds nothing back', async () => {
    const { network, session } = await world();
    await expect(session.rotate({ grace: '5' as unknown as number })).rejects.toThrow(TypeError);
    void session.count();
    await endOfTick();
    expect(sent(network)).toEqual([[COUNT, TOKEN]]);
  });

  test('goes on with the old token when the connection is lost', async () => {
    const { network, session } = await world();
    const rotated = session.rotate({ grace: 60 });
    void session.inc('a');
    await endOfTick();
    network.socket.breaks();
    await expect(rotated).rejects.toThrow(ConnectionLostError);
    network.timers.advance(50);
    network.socket.opens();
    await endOfTick();
    expect(sent(network)).toEqual([[INC, TOKEN]]);
  });

  test('is sent in its turn when there is no connection', async () => {
    const { network, session } = await world();
    network.socket.breaks();
    void session.inc('a');
    void session.rotate();
    void session.count();
    network.timers.advance(50);
    network.socket.opens();
    await endOfTick();
    network.socket.answers(ROTATE, ROTATED);
    await endOfTick();
    expect(sent(network)).toEqual([
      [INC, TOKEN],
      [ROTATE, TOKEN],
      [COUNT, NEW_TOKEN],
    ]);
  });

  test('that timed out still switches the session when its reply comes', async () => {
    const { network, session } = await world({ timeoutMs: 1_600 });
    const rotated = session.rotate();
    const held = session.count();
    await endOfTick();
    network.socket.replies([77, 1]); // the server is not silent
    network.timers.advance(1_800);
    await expect(rotated).rejects.toThrow(TimeoutError);
    await expect(held).rejects.toMatchObject({ isOutcomeUnknown: false });
    const late = session.count();
    network.socket.answers(ROTATE, ROTATED);
    await endOfTick();
    expect(sent(network)).toEqual([
      [ROTATE, TOKEN],
      [COUNT, NEW_TOKEN],
    ]);
    network.socket.answers(COUNT, { cnt: 2 });
    expect(await late).toBe(2);
  });

  test('that was given up unsent lets go of what waits for it', async () => {
    const { network, session } = await world({ timeoutMs: 1_600 });
    network.socket.breaks();
    const rotated = session.rotate();
    network.timers.advance(1_000);
    const held = session.count();
    network.timers.advance(800);
    await expect(rotated).rejects.toMatchObject({ isOutcomeUnknown: false });
    network.socket.opens();
    await endOfTick();
    expect(sent(network)).toEqual([[COUNT, TOKEN]]);
    expect(await stateOf(held)).toBe('pending');
  });

  test('rejects what it holds when the client is closed', async () => {
    const { network, client, session } = await world();
    const calls = [session.rotate(), session.count()];
    await endOfTick();
    void client.close(0);
    network.timers.advance(1);
    await expect(calls[0]).rejects.toMatchObject({ isOutcomeUnknown: true });
    await expect(calls[1]).rejects.toThrow(ClosedError);
  });

  test('sends a read again with the token that the session has by then', async () => {
    const { network, session } = await world();
    const read = session.count();
    void session.rotate();
    await endOfTick();
    network.socket.answers(COUNT, null, 203);
    network.timers.advance(500);
    await endOfTick();
    expect(sent(network)).toHaveLength(2);
    network.socket.answers(ROTATE, ROTATED);
    await endOfTick();
    expect(sent(network).at(-1)).toEqual([COUNT, NEW_TOKEN]);
    network.socket.answers(COUNT, { cnt: 3 });
    expect(await read).toBe(3);
  });
});

describe('withToken', () => {
  test.each([0, 190, 230, 232, 240, 65_490, 65_520, 70_000])(
    'puts a longer or shorter token into a command of %i bytes or so',
    (size) => {
      const short = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      const body = { key: 'x'.repeat(size) };
      // The client writes ids in full width.
      const content = encode([32, 0xffff_ffff, short, body]);
      const long = withToken(encode(content), NEW_BYTES);
      expect(commandsOf(long)).toEqual([{ op: 32, id: 0xffff_ffff, token: NEW_BYTES, body }]);
      expect(commandsOf(withToken(long, short))).toEqual([
        { op: 32, id: 0xffff_ffff, token: short, body },
      ]);
    },
  );
});
