/**
 * Existing clients run unchanged: what nemesisdb-wire.md says of each command, asked of a server
 * that mints integers, as they need them, and of one that mints text, its default. Goal: every row of
 * every table there has a transcript here, and where ours differs, its reason stands beside it.
 */
import { afterAll, beforeAll, beforeEach, describe, test } from 'vitest';
import { startServerInProcess, type InProcessServer } from '../support/in-process-server.js';
import { RawClient } from '../support/raw-client.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { play, type Stage, type Table, type TokenForm } from '../support/transcript.js';
import * as checks from './transcripts/checks.js';
import * as data from './transcripts/data.js';
import * as expiry from './transcripts/expiry.js';
import * as framing from './transcripts/framing.js';
import * as life from './transcripts/life.js';
import { OLDER_RELEASES } from './transcripts/older-releases.js';
import * as kept from './transcripts/shared-and-saved.js';

/** Tables by the section of the yardstick that they are read beside. */
const ON_DISK: Readonly<Record<string, Table>> = {
  '2.1 framing': framing.FRAMING,
  '2.1 framing errors': framing.FRAMING_ERRORS,
  '2.2 shape of error responses': framing.SHAPE_OF_ERRORS,
  '2.3 status codes': checks.STATUS_CODES,
  '2.3 order of checks': checks.ORDER_OF_CHECKS,
  '2.3 types': checks.TYPES,
  '2.4 SH_NEW': life.SH_NEW,
  '2.4 SH_END': life.SH_END,
  '2.4 SH_END_ALL': life.SH_END_ALL,
  '2.4 SH_EXISTS': life.SH_EXISTS,
  '2.4 SH_INFO': life.SH_INFO,
  '2.4 SH_INFO_ALL': life.SH_INFO_ALL,
  '2.4 SV_INFO': life.SV_INFO,
  '2.5 key commands, SH_X': data.keyCommands('SH_', true),
  '2.5 key commands, KV_X': data.keyCommands('KV_', false),
  '2.5 key commands, KV_X with a token': data.keyCommands('KV_', true),
  '2.5 tokens': data.TOKENS,
  '2.5 commands of other releases': data.OF_OTHER_RELEASES,
  '2.7 shared sessions': kept.SHARED_SESSIONS,
  '2.8 save and load': kept.SAVE_AND_LOAD,
  '2.10 the same commands in older releases': OLDER_RELEASES,
};

const UNDER_A_MANUAL_CLOCK: Readonly<Record<string, Table>> = {
  '2.6 what restarts the clock': expiry.WHAT_RESTARTS_IT,
  '2.6 enforcement': expiry.ENFORCEMENT,
};

const FORMS: readonly TokenForm[] = ['text', 'uint64'];

/** Every row on a connection of its own, and on a server that holds nothing. */
function plays(tables: Readonly<Record<string, Table>>, stageOf: () => Promise<Stage>): void {
  let stage: Stage;
  beforeEach(async () => {
    stage = await stageOf();
    await stage.client.command('SH_END_ALL');
    await stage.client.command('KV_CLEAR');
    return async () => await stage.client.close();
  });
  for (const [section, table] of Object.entries(tables)) {
    describe(section, () => {
      test.each(Object.entries(table))('%s', async (_row, transcript) => {
        await play(transcript, stage);
      });
    });
  }
}

function playsToServe(
  tables: Readonly<Record<string, Table>>,
  form: TokenForm,
  flags: () => readonly string[],
): void {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer(['--token-form', form, '--max-payload', '64KiB', ...flags()]);
  });
  afterAll(async () => {
    await server.stop();
  });
  plays(tables, async () => ({ client: await RawClient.connect(server.url), form }));
}

describe.each(FORMS)('sojourn serve --token-form %s', (form) => {
  describe('with a data directory', () => {
    const threads = ['--shards', '2', '--io-threads', '2'];
    playsToServe(ON_DISK, form, () => [...threads, '--data-dir', temporaryFolder()]);
  });

  describe('without one', () => {
    playsToServe({ '2.8 save and load': kept.WITHOUT_PERSISTENCE }, form, () => ['--shards', '1']);
  });

  describe('under a clock that is moved by hand', () => {
    let running: InProcessServer;
    beforeAll(async () => {
      running = await startServerInProcess({ shards: 2, tokenForm: form });
    });
    afterAll(async () => {
      await running.server.stop();
    });
    plays(UNDER_A_MANUAL_CLOCK, async () => ({
      client: await RawClient.connect(running.url),
      form,
      advance: (seconds) => running.clock.advance(seconds * 1_000),
    }));
  });
});
