/**
 * A second client, in Python, written from docs/PROTOCOL.md alone: so that the page is known to be
 * enough. Needs Debian's python3-websockets and python3-msgpack.
 */
import { execFile, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { startServer } from '../support/server-process.js';

const STORY = resolve(import.meta.dirname, '../python/story.py');
const RUN_MS_MAX = 50_000;
const ENVIRONMENT = {
  ...process.env,
  PYTHONIOENCODING: 'utf-8',
  PYTHONDONTWRITEBYTECODE: '1',
};

/** One that has what the client needs; Debian's own where another comes first in PATH. */
const python = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import msgpack, websockets']).status === 0,
);
if (python === undefined) {
  console.log('no python3 with msgpack and websockets on this machine: its client is not tested');
}

const LINES = [
  'token of 24 bytes, id of 24 characters',
  'same id: True - keys: 1',
  'expires within 60 s',
  'shared session: True False True',
  'alive: True',
  'after its end: 100',
  "values come back: True - in order: ['text', 'none', 'largest']",
  "added: {'n': 1, 'text': 'Grüße, 世界'}",
  "contained: ['n', 'text']",
  'removed: 2',
  "left: ['text', 'largest', 'smallest', 'yes', 'bytes', 'list', 'n']",
  'counted up: 4611686018427387905',
  "taken: {'yes': True}",
  'compared and set: once, then 207',
  'updated: 1',
  `found: ["$[1][1]['deep'][0]"]`,
  "default map: {'python': 3}",
  'one message: [1, 2, 3, 41, 10]',
  "batch: [[1, None], [1, {'value': 5}], [1, {'cnt': 8}]]",
  'batch refused: 208 [1, 208]',
  "undone: {'b': 5}",
  'push: cleared None True',
  "push: set {'a': 1, 'b': [2]} True",
  "push: removed ['a'] True",
  'push: rotated True True',
  "push: set {'c': 3} - by the old token, in its grace",
  'rotated token: 110',
  'rotated token: 110',
  "new token: {'c': 3}",
  'push: ended - and no other: True',
  'ended: 100',
];

describe('the client in Python', () => {
  test.skipIf(python === undefined).each(['1', '3'])(
    'lives a session, its data, batches, pushes and rotations on %s shards',
    async (shards) => {
      const server = await startServer(['--memory', '--shards', shards]);
      try {
        const options = { timeout: RUN_MS_MAX, env: ENVIRONMENT };
        const { stdout } = await promisify(execFile)(python!, [STORY, server.url], options);
        expect(stdout.trimEnd().split('\n')).toEqual(LINES);
      } finally {
        expect(await server.stop()).toBe(0);
      }
    },
  );
});
