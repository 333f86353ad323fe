/**
 * Goal: no query holds its shard, and with it everyone whose session is there, longer than
 * --max-find-seconds.
 * Method: one shard; one connection sends nothing but queries of exponential work, another one reads
 * and writes. All of the latter's commands are answered, and the queries with 204.
 */
import { afterEach, expect, test } from 'vitest';
import { NativeClient } from '../support/native-client.js';
import { startServer, type ServerProcess } from '../support/server-process.js';

let server: ServerProcess | undefined;
afterEach(async () => {
  await server?.stop();
});

test('a shard goes on serving others while queries without end are sent to it', async () => {
  server = await startServer(['--shards', '1', '--max-find-seconds', '0.005']);
  const [greedy, other] = await Promise.all([
    NativeClient.connect(server.url),
    NativeClient.connect(server.url),
  ]);
  const nested = JSON.parse(`${'['.repeat(60)}${']'.repeat(60)}`) as unknown;
  const keys = { nested, text: ['a'.repeat(60)] };
  const [, started] = await greedy.ask('SH_NEW', null, { keys });
  const [, mine] = await other.ask('SH_NEW', null, { keys: { n: 0 } });
  const paths = ['$..*..*..*..*..*', '$[?match(@, "(a+)+b")]'];
  const queries = Array.from({ length: 40 }, (_, i) => {
    const body = { path: paths[i % 2], rsp: 'paths', keys: [i % 2 === 0 ? 'nested' : 'text'] };
    return greedy.ask('SH_FIND', started!.tkn, body);
  });
  for (let value = 1; value <= 20; value += 1) {
    expect(await other.ask('SH_INC', mine!.tkn, { key: 'n' })).toEqual([1, { value }]);
  }
  for (const [status] of await Promise.all(queries)) expect(status).toBe(204);
  // A harmless query, too, is answered 204 when the machine takes the core away for 5 ms.
  const found = (): Promise<unknown> =>
    greedy.ask('SH_FIND', started!.tkn, { path: '$[0]', rsp: 'keys' });
  await expect.poll(found, { timeout: 30_000 }).toEqual([1, { keys: ['nested', 'text'] }]);
  greedy.close();
  other.close();
});
