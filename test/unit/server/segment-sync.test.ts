import { describe, expect, test } from 'vitest';
import type { ShardReport } from '../../../src/config/shard-messages.js';
import { DOORBELL_BYTES } from '../../../src/ring/doorbell.js';
import { SegmentSync } from '../../../src/server/segment-sync.js';
import { ShardChannel } from '../../../src/server/shard-channel.js';
import { ShardBoard } from '../../../src/storage/shard-board.js';
import { MemoryFiles } from '../../support/memory-files.js';

/** Main's side of one shard, whose log the test plays. */
class Setup {
  readonly files = new MemoryFiles();
  readonly board = new ShardBoard();
  readonly sync: SegmentSync;
  #listener: (report: ShardReport) => void = () => undefined;

  constructor() {
    this.files.makeDirectory('/data/log');
    const thread = {
      order: () => undefined,
      onReport: (listener: (message: unknown) => void) => (this.#listener = listener),
    };
    const bell = new SharedArrayBuffer(DOORBELL_BYTES);
    const channel = new ShardChannel({ index: 0, board: this.board, thread, bell });
    this.sync = new SegmentSync(channel, this.files, '/data');
    this.files.done.length = 0;
  }

  /** The shard has begun a segment; its report arrives when it is called. */
  begin(number: number): { readonly fd: number; readonly arrive: () => void } {
    const fd = this.files.open(`/data/log/${number}`, 'create');
    this.board.segment = number;
    this.board.countSegmentReport();
    const report: ShardReport = { type: 'segment', fd, number, isClosed: false };
    return { fd, arrive: () => this.#listener(report) };
  }

  retire(number: number, fd: number): void {
    this.board.countSegmentReport();
    this.#listener({ type: 'segment', fd, number, isClosed: true });
  }

  /** Sequences that the shard may take for synced. */
  get synced(): number {
    return this.board.syncedSequence(this.board.sequence);
  }

  get syncs(): string[] {
    return this.files.done.filter((line) => line.startsWith('sync'));
  }
}

describe('SegmentSync', () => {
  test('syncs what is open, and the folder where a name is new, then says so', async () => {
    const setup = new Setup();
    setup.begin(1).arrive();
    setup.board.sequence = 5;
    await setup.sync.sync();
    expect(setup.syncs).toEqual(['sync /data/log/1', 'sync /data/log']);
    expect(setup.synced).toBe(5);
    setup.board.sequence = 6;
    expect(setup.synced).toBe(5);
    await setup.sync.sync();
    expect(setup.syncs.slice(2)).toEqual(['sync /data/log/1']);
    expect(setup.synced).toBe(6);
    await setup.sync.sync();
    expect(setup.syncs).toHaveLength(3);
  });

  test('says nothing of what was written while it synced', async () => {
    const setup = new Setup();
    setup.begin(1).arrive();
    setup.board.sequence = 5;
    const done = setup.sync.sync();
    setup.board.sequence = 9;
    await done;
    expect(setup.synced).toBe(5);
  });

  test('syncs a segment whose report is still under way before it says anything', async () => {
    const setup = new Setup();
    const { fd, arrive } = setup.begin(1);
    arrive();
    setup.retire(1, fd);
    const second = setup.begin(2);
    setup.board.sequence = 5;
    const done = setup.sync.sync();
    setImmediate(second.arrive);
    await done;
    expect(setup.syncs).toContain('sync /data/log/2');
    expect(setup.synced).toBe(5);
  });

  test('closes a segment that takes no more, after its sync', async () => {
    const setup = new Setup();
    const { fd, arrive } = setup.begin(1);
    arrive();
    setup.board.sequence = 5;
    setup.retire(1, fd);
    expect(setup.sync.hasClosed).toBe(true);
    expect(setup.files.openCount).toBe(1);
    await setup.sync.sync();
    expect(setup.syncs[0]).toBe('sync /data/log/1');
    expect(setup.files.openCount).toBe(0);
  });

  test('never takes a segment for synced whose sync has failed, however it fares later', async () => {
    const setup = new Setup();
    const { fd, arrive } = setup.begin(1);
    arrive();
    setup.board.sequence = 5;
    setup.files.fault = (operation) => (operation === 'sync' ? { code: 'EIO' } : undefined);
    await expect(setup.sync.sync()).rejects.toThrow('the log could not be synced: EIO');
    expect(setup.board.syncFailures).toBe(1);
    setup.files.fault = () => undefined;
    setup.board.sequence = 6;
    await setup.sync.sync();
    expect(setup.syncs).not.toContain('sync /data/log/1');
    setup.retire(1, fd);
    setup.begin(2).arrive();
    await setup.sync.sync();
    expect(setup.files.openCount).toBe(1);
    expect(setup.synced).toBe(0);
    // Only a snapshot that begins behind it makes good for it.
    setup.board.snapshotDone = 1;
    setup.board.sequence = 7;
    await setup.sync.sync();
    expect(setup.synced).toBe(0);
    setup.board.snapshotDone = 2;
    await setup.sync.sync();
    expect(setup.synced).toBe(7);
  });

  test('refuses a snapshot whose log begins with what was lost before', async () => {
    const setup = new Setup();
    setup.begin(1).arrive();
    setup.board.sequence = 5;
    setup.files.fault = (operation) => (operation === 'sync' ? { code: 'EIO' } : undefined);
    await expect(setup.sync.sync()).rejects.toThrow('EIO');
    setup.files.fault = () => undefined;
    await expect(setup.sync.sync(1)).rejects.toThrow('its log could not be synced');
    await expect(setup.sync.sync(2)).resolves.toBeUndefined();
  });

  test('lets callers wait for a pass of their own', async () => {
    const setup = new Setup();
    setup.begin(1).arrive();
    setup.board.sequence = 1;
    const first = setup.sync.sync();
    setup.board.sequence = 2;
    await setup.sync.sync();
    await first;
    expect(setup.synced).toBe(2);
  });
});
