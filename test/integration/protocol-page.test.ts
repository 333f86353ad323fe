/** The bytes and the tables of docs/PROTOCOL.md, said to a real server. */
import { decodeMulti, encode } from '@msgpack/msgpack';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startServer, type ServerProcess } from '../support/server-process.js';

const page = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8');
const PAYLOAD_BYTES_MAX = 2_048;

let server: ServerProcess;
let socket: WebSocket;
beforeAll(async () => {
  const limits = [
    '--max-payload',
    String(PAYLOAD_BYTES_MAX),
    '--max-depth',
    '4',
    '--max-keys',
    '9',
  ];
  server = await startServer([...limits, '--max-connections', '2']);
  socket = await connect();
});
afterAll(async () => {
  socket.terminate();
  await server.stop();
});

async function connect(): Promise<WebSocket> {
  const opened = new WebSocket(server.url);
  await new Promise((resolve, reject) => opened.once('open', resolve).once('error', reject));
  return opened;
}

function exchange(message: Uint8Array | string): Promise<Buffer> {
  return new Promise((resolve) => {
    socket.once('message', (reply: Buffer) => resolve(reply));
    socket.send(message);
  });
}

/** [id, status] of each reply in the answer to a binary message. */
async function statusesOf(message: Uint8Array): Promise<unknown[]> {
  const replies = [...decodeMulti(await exchange(message))] as Uint8Array[];
  return replies.map((reply) => ([...decodeMulti(reply)][0] as unknown[]).slice(0, 2));
}

const command = (...elements: unknown[]): Uint8Array => encode(encode(elements));

function bytesAfter(word: string): Buffer {
  const hex = new RegExp(`^${word} +((?:[0-9a-f]{2} ?)+)$`, 'm').exec(page)?.[1] ?? '';
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

describe('docs/PROTOCOL.md', () => {
  test('gives a request and the reply that the server has for it', async () => {
    expect(await exchange(bytesAfter('request'))).toEqual(bytesAfter('reply'));
  });

  test.each([
    ['a bin that holds no array', encode(encode('x')), [[0, 2]]],
    ['a bin that holds three elements', command(96, 7, null), [[7, 2]]],
    ['an empty message', new Uint8Array(), [[0, 2]]],
    ['no bin', encode([129, 7, null, null]), [[0, 2]]],
    [
      'a cut bin after a whole command',
      Buffer.concat([command(129, 7, null, null), Buffer.of(0xc4, 9)]),
      [
        [7, 1],
        [0, 2],
      ],
    ],
    ['an unknown op', command(255, 7, null, null), [[7, 10]]],
    ['a body that is no map', command(96, 7, null, 'x'), [[7, 2]]],
    ['a parameter missing and no token', command(32, 7, null, {}), [[7, 26]]],
    ['a parameter of the wrong type', command(96, 7, null, { keys: 1 }), [[7, 41]]],
    ['an empty list that is refused', command(100, 7, null, { keys: [] }), [[7, 42]]],
    ['a value too deep', command(96, 7, null, { keys: { a: [[[[[1]]]]] } }), [[7, 42]]],
    ['too many keys', command(98, 7, null, { keys: [...'0123456789'] }), [[7, 204]]],
    ['no token', command(39, 7, null, null), [[7, 100]]],
    ['a token of the wrong type', command(39, 7, 5, null), [[7, 100]]],
    ['a token as text', command(39, 7, 'A'.repeat(32), null), [[7, 100]]],
    ['a token on the default map', command(103, 7, 'A'.repeat(32), null), [[7, 100]]],
    ['too large a message', command(96, 7, null, { keys: { a: 'x'.repeat(3_000) } }), [[7, 204]]],
  ])('says what happens to %s', async (_, message, statuses) => {
    expect(await statusesOf(message)).toEqual(statuses);
    // The connection stays.
    expect(await statusesOf(command(129, 9, null, null))).toEqual([[9, 1]]);
  });

  test.each([
    ['', '{"ERR":{"st":3}}'],
    ['{', '{"ERR":{"st":3}}'],
    ['[]', '{"ERR":{"st":13}}'],
    ['{"SV_PING":{},"SV_INFO":{}}', '{"ERR":{"st":13}}'],
    ['{"PING":{}}', '{"PING_RSP":{"st":13}}'],
    ['{"SV_PING":1}', '{"SV_PING_RSP":{"st":13}}'],
    ['{"KV_NOTHING":{}}', '{"ERR":{"st":10}}'],
    ['{"SH_NOTHING":{}}', '{"SH_NOTHING_RSP":{"st":10}}'],
    ['{"SH_INFO":{}}', '{"SH_INFO_RSP":{"st":13}}'],
    ['{"id":7,"SV_PING":{}}', '{"id":7,"SV_PING_RSP":{"st":1}}'],
    ['{"SH_NEW":{"expiry":{}}}', '{"SH_NEW_RSP":{"st":26}}'],
    ['{"SH_END":{"tkn":"no token"}}', '{"SH_END_RSP":{"st":100}}'],
    ['{"SH_OPEN":{"name":"none"}}', '{"SH_OPEN_RSP":{"st":102,"tkn":null}}'],
  ])('says that %j is answered %s', async (message, reply) => {
    expect((await exchange(message)).toString()).toBe(reply);
  });

  test.each(['uws', 'ws'])(
    'says how a connection over %s ends by far too large a message',
    async (transport) => {
      const other = await startServer(['--max-payload', '64', '--transport', transport]);
      const client = new WebSocket(other.url);
      await new Promise((resolve) => client.once('open', resolve));
      const code = new Promise((resolve) => client.once('close', resolve));
      client.on('error', () => undefined);
      client.send(new Uint8Array(64 * 16 + 1));
      expect([1006, 1009]).toContain(await code);
      await other.stop();
    },
  );

  test('says how a connection too many is refused', async () => {
    const second = await connect();
    await expect(connect()).rejects.toThrow('503');
    second.close();
  });
});
