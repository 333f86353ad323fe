/** docs/PROTOCOL.md, as far as a machine can check it: its bytes, its links, its close codes. */
import { decode, encode } from '@msgpack/msgpack';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NativeWriter } from '../../../src/protocol/native-writer.js';
import { encodeTextPush } from '../../../src/protocol/text-push.js';
import { commandEntryOf, PROTOCOL_VERSION } from '../../../src/protocol/catalogue.js';

const docs = new URL('../../../docs/', import.meta.url);
const page = readFileSync(new URL('PROTOCOL.md', docs), 'utf8');

/** The bytes in a line of the page that starts with a word, as in "request  c4 0e 94". */
function bytesAfter(word: string): Uint8Array {
  const hex = new RegExp(`^${word} +((?:[0-9a-f]{2} ?)+)$`, 'm').exec(page)?.[1] ?? '';
  return Uint8Array.from(hex.trim().split(' '), (byte) => Number.parseInt(byte, 16));
}

describe('docs/PROTOCOL.md', () => {
  test('draws a request that an independent decoder reads as it is explained', () => {
    const frame = bytesAfter('request');
    const command = [commandEntryOf('KV_SET')?.op, 7, null, { keys: { a: 1 } }];
    expect(decode(decode(frame) as Uint8Array)).toEqual(command);
    expect(encode(encode(command))).toEqual(frame);
  });

  test('draws the reply to it', () => {
    expect(decode(decode(bytesAfter('reply')) as Uint8Array)).toEqual([7, 1, null]);
  });

  test('draws a push', () => {
    const body = { id: '73f8da713e8c861fde196ef1', keys: { a: 1 } };
    expect(decode(decode(bytesAfter('push')) as Uint8Array)).toEqual([0, 'set', body]);
    const writer = new NativeWriter();
    writer.beginPush('set');
    writer.mapHead(2);
    writer.text('id');
    writer.text(body.id);
    writer.text('keys');
    writer.mapHead(1);
    writer.text('a');
    writer.uint(1);
    writer.endReply();
    expect(writer.written()).toEqual(bytesAfter('push'));
    expect(encodeTextPush(writer.written(), 0, writer.length)).toBe(
      JSON.stringify({ PUSH: { event: 'set', ...body } }),
    );
  });

  test('explains the same bytes, one by one', () => {
    const explained = page.slice(page.indexOf('c4 0e    '), page.indexOf('### Values'));
    const bytes = explained.split('\n').flatMap((line) => {
      const hex = /^ *((?:[0-9a-f]{2} )*[0-9a-f]{2})  /.exec(line)?.[1];
      return hex === undefined ? [] : hex.split(' ').map((byte) => Number.parseInt(byte, 16));
    });
    expect(Uint8Array.from(bytes)).toEqual(
      Uint8Array.from([...bytesAfter('request'), ...bytesAfter('reply')]),
    );
  });

  test('names the version in force', () => {
    expect(page).toContain(`The protocol's version is ${PROTOCOL_VERSION};`);
  });

  test('names files that exist', () => {
    const paths = [...page.matchAll(/`((?:src|test)\/[\w./-]+)`/g)].map((match) => match[1]!);
    expect(paths.length).toBeGreaterThan(5);
    const root = new URL('../', docs);
    expect(paths.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });

  test('links to pages and headings that exist', () => {
    for (const [, file, heading] of page.matchAll(/\]\((\w+\.md)(?:#([\w-]+))?\)/g)) {
      const text = readFileSync(new URL(file!, docs), 'utf8');
      if (heading !== undefined)
        expect(text.toLowerCase()).toMatch(
          new RegExp(`^#+ ${heading.replaceAll('-', '[- ]')}$`, 'm'),
        );
    }
  });
});
