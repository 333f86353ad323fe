/** A client of another language that was written for NemesisDB, its tests run in real time. */
import { execFile, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const PYTHON = '/usr/bin/python3';
const SUITE = new URL('old-client.py', import.meta.url).pathname;
const hasClient = spawnSync(PYTHON, ['-c', 'import websockets']).status === 0;

let server: ServerProcess;
beforeAll(async () => {
  const flags = ['--token-form', 'uint64', '--shards', '2', '--data-dir', temporaryFolder()];
  server = await startServer(flags);
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

describe('sojourn serve --token-form uint64', () => {
  test.skipIf(!hasClient)("passes a NemesisDB client's own tests, in Python", async () => {
    const [code, output] = await new Promise<[unknown, string]>((resolve) => {
      execFile(PYTHON, [SUITE, `${server.url}/`], (error, stdout, stderr) => {
        resolve([error?.code ?? 0, stdout + stderr]);
      });
    });
    expect(output).toContain('\nOK\n');
    expect(code).toBe(0);
  });
});
