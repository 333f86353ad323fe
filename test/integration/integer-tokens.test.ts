/**
 * `--token-form uint64`: clients that know integer tokens only, over real sockets. Integers are read
 * from the text as they are, since JSON.parse would round them.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG, type Config } from '../../src/config/options.js';
import { tokenToText } from '../../src/protocol/token.js';
import type { Server } from '../../src/server/server.js';
import { NativeCaller } from '../support/native-caller.js';
import { RawClient } from '../support/raw-client.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const dist = new URL('../../dist/src/server/server.js', import.meta.url).href;
const { startServer } = (await import(dist)) as typeof import('../../src/server/server.js');

const UINT64_MAX = 2n ** 64n - 1n;
const running: Server[] = [];
let raw: RawClient | undefined;
let native: NativeCaller | undefined;
afterEach(async () => {
  await raw?.close();
  native?.close();
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function start(
  settings: Partial<Config> = {},
): Promise<{ raw: RawClient; native: NativeCaller }> {
  const config = { ...DEFAULT_CONFIG, port: 0, memory: true, shards: 3, ...settings };
  const server = await startServer({ config: { ...config, tokenForm: 'uint64' } });
  running.push(server);
  raw = await RawClient.connect(server.url);
  native = await NativeCaller.connect(server.url);
  return { raw, native };
}

/** The digits of `tkn` in a reply. */
function digitsIn(reply: string): string {
  const digits = /"tkn":(\d+)[,}]/.exec(reply)?.[1];
  if (digits === undefined) throw new Error(`no integer token in ${reply}`);
  expect(BigInt(digits) <= UINT64_MAX).toBe(true);
  return digits;
}

function bytesOf(digits: string): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(digits));
  return bytes;
}

describe('with --token-form uint64', () => {
  test('a text client gets integers, which open their sessions on every shard', async () => {
    const { raw } = await start();
    const seen = new Set<string>();
    for (let i = 0; i < 200; i += 1) {
      const tkn = digitsIn(await raw.ask(`{"SH_NEW":{"keys":{"n":${i}}}}`));
      seen.add(tkn);
      const got = await raw.ask(`{"SH_GET":{"tkn":${tkn},"keys":["n"]}}`);
      expect(got).toBe(`{"SH_GET_RSP":{"st":1,"keys":{"n":${i}}}}`);
    }
    expect(seen.size).toBe(200);
    // Beyond what a double holds, or the test has shown nothing.
    expect([...seen].some((tkn) => BigInt(tkn) > 2n ** 53n)).toBe(true);
    const tkns = [...seen].slice(0, 3).join(',');
    expect(await raw.ask(`{"SH_EXISTS":{"tkns":[${tkns}]}}`)).toBe(
      `{"SH_EXISTS_RSP":{"st":1,"exist":[${tkns}]}}`,
    );
  });

  test('a native client gets 24 bytes, and may use the 8 of an integer', async () => {
    const { raw, native } = await start();
    const [, body] = await native.ask('SH_NEW', null, { keys: { a: 1 } });
    expect(body?.tkn).toHaveLength(24);
    const text = tokenToText(body?.tkn as Uint8Array);
    expect(await raw.ask(`{"SH_KEYS":{"tkn":"${text}"}}`)).toBe(
      '{"SH_KEYS_RSP":{"st":1,"keys":["a"]}}',
    );
    const digits = digitsIn(await raw.ask('{"SH_NEW":{"keys":{"b":1}}}'));
    expect(await native.ask('SH_KEYS', bytesOf(digits))).toEqual([1, { keys: ['b'] }]);
  });

  test('a shared name leads both dialects to one session', async () => {
    const { raw, native } = await start();
    const tkn = digitsIn(await raw.ask('{"SH_OPEN":{"name":"n","create":true,"keys":{"a":1}}}'));
    const [status, body] = await native.ask('SH_OPEN', null, { name: 'n' });
    expect([status, body?.created]).toEqual([1, false]);
    expect(body?.tkn).toEqual(Buffer.from(bytesOf(tkn)));
    expect(digitsIn(await raw.ask('{"SH_OPEN":{"name":"n"}}'))).toBe(tkn);
    expect(await raw.ask('{"SH_NEW":{"name":"n","shared":true}}')).toContain(`"st":103,`);
    const [taken, refusal] = await native.ask('SH_NEW', null, { name: 'n', shared: true });
    expect(taken).toBe(103);
    expect(refusal?.tkn).toEqual(Buffer.from(bytesOf(tkn)));
  });

  test('a rotation gives an integer to a text client and 24 bytes to a native one', async () => {
    const { raw, native } = await start({ shards: 8 });
    for (let i = 0; i < 50; i += 1) {
      const first = digitsIn(await raw.ask('{"SH_NEW":{"keys":{"a":1}}}'));
      const second = digitsIn(await raw.ask(`{"SH_ROTATE":{"tkn":${first}}}`));
      expect(await raw.ask(`{"SH_COUNT":{"tkn":${second}}}`)).toBe(
        '{"SH_COUNT_RSP":{"st":1,"cnt":1}}',
      );
      expect(await raw.ask(`{"SH_COUNT":{"tkn":${first}}}`)).toBe('{"SH_COUNT_RSP":{"st":110}}');
      const [, body] = await native.ask('SH_ROTATE', bytesOf(second));
      expect(body?.tkn).toHaveLength(24);
      expect(await native.statusOf('SH_COUNT', body?.tkn)).toBe(1);
      // And back again.
      const text = tokenToText(body?.tkn as Uint8Array);
      const third = digitsIn(await raw.ask(`{"SH_ROTATE":{"tkn":"${text}"}}`));
      expect(await native.statusOf('SH_COUNT', bytesOf(third))).toBe(1);
    }
  });

  test('an integer may be spared by SH_END_ALL', async () => {
    const { raw } = await start();
    const tkns: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      tkns.push(digitsIn(await raw.ask('{"SH_NEW":{"owner":"ann"}}')));
    }
    expect(await raw.ask(`{"SH_END_ALL":{"owner":"ann","except":${tkns[3]!}}}`)).toBe(
      '{"SH_END_ALL_RSP":{"st":1,"cnt":9}}',
    );
    expect(await raw.ask(`{"SH_EXISTS":{"tkns":[${tkns.join()}]}}`)).toBe(
      `{"SH_EXISTS_RSP":{"st":1,"exist":[${tkns[3]!}]}}`,
    );
    expect(await raw.ask('{"SH_END_ALL":{"except":-1}}')).toBe('{"SH_END_ALL_RSP":{"st":41}}');
  });

  test('the limit of an owner holds over several shards', async () => {
    const { raw } = await start({ maxSessionsPerOwner: 2, ownerLimit: 'end-oldest' });
    const tkns: string[] = [];
    for (let i = 0; i < 20; i += 1) {
      tkns.push(digitsIn(await raw.ask('{"SH_NEW":{"owner":"ann"}}')));
      expect(await raw.ask(`{"SH_EXISTS":{"tkns":[${tkns.join()}]}}`)).toBe(
        `{"SH_EXISTS_RSP":{"st":1,"exist":[${tkns.slice(-2).join()}]}}`,
      );
    }
  });

  test('integers open their sessions after a restart', async () => {
    const disk = { memory: false, dataDir: temporaryFolder(), fsync: 'no' } as const;
    const first = await start(disk);
    const tkn = digitsIn(await first.raw.ask('{"SH_NEW":{"keys":{"a":1}}}'));
    await first.raw.close();
    await running.splice(0)[0]!.stop();
    const again = await start(disk);
    expect(await again.raw.ask(`{"SH_KEYS":{"tkn":${tkn}}}`)).toBe(
      '{"SH_KEYS_RSP":{"st":1,"keys":["a"]}}',
    );
  });
});
