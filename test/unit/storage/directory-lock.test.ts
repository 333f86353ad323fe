import { describe, expect, test } from 'vitest';
import { DirectoryLock, LOCK_FRESH_MS } from '../../../src/storage/directory-lock.js';
import type { HostFacts, ProcessId } from '../../../src/storage/host-facts.js';
import { StorageError } from '../../../src/storage/storage-error.js';
import { MemoryFiles } from '../../support/memory-files.js';

const DIRECTORY = '/data';
const LOCK = `${DIRECTORY}/LOCK`;

function filesWithDirectory(): MemoryFiles {
  const files = new MemoryFiles();
  files.makeDirectory(DIRECTORY);
  return files;
}

/** @param alive start times of the processes that live, by number. */
function host(
  pid: number,
  alive: Record<number, string>,
  self: Partial<ProcessId> = {},
): HostFacts {
  return {
    self: {
      ...{ pid, startTime: alive[pid] ?? '1', bootId: 'boot', pidNamespace: 'ns', host: 'here' },
      ...self,
    },
    startTimeOf: (other) => alive[other],
  };
}

function take(files: MemoryFiles, facts: HostFacts): DirectoryLock {
  return new DirectoryLock(files, DIRECTORY, facts);
}

describe('DirectoryLock', () => {
  test('refuses a second holder, naming the first, even one of the same process', () => {
    const files = filesWithDirectory();
    take(files, host(10, { 10: 'a', 11: 'b' }));
    const text = 'data directory /data is in use by process 10';
    expect(() => take(files, host(11, { 10: 'a', 11: 'b' }))).toThrow(
      new StorageError(text, { file: 'LOCK' }),
    );
    expect(() => take(files, host(10, { 10: 'a' }))).toThrow(text);
    files.nowMs += 10 * LOCK_FRESH_MS;
    expect(() => take(files, host(11, { 10: 'a' }))).toThrow(text);
    expect(files.list(DIRECTORY)).toEqual(['LOCK']);
  });

  test('is free again once released, and a release of an old holder takes nothing', () => {
    const files = filesWithDirectory();
    const first = take(files, host(10, { 10: 'a' }));
    first.release();
    expect(files.list(DIRECTORY)).toEqual([]);
    take(files, host(11, { 10: 'a', 11: 'b' }));
    first.release();
    expect(files.list(DIRECTORY)).toEqual(['LOCK']);
    expect(() => first.touch()).toThrow('taken over');
  });

  test('of a dead process is taken at once', () => {
    const files = filesWithDirectory();
    take(files, host(10, { 10: 'a' }));
    const lock = take(files, host(11, { 11: 'b' }));
    expect(() => take(files, host(12, { 11: 'b', 12: 'c' }))).toThrow('process 11');
    lock.release();
    expect(files.list(DIRECTORY)).toEqual([]);
  });

  test('of a process whose number another one has now is taken', () => {
    const files = filesWithDirectory();
    take(files, host(10, { 10: 'a' }));
    take(files, host(10, { 10: 'later' }));
    expect(files.list(DIRECTORY)).toEqual(['LOCK']);
  });

  test.each([
    ['another namespace', { pidNamespace: 'container' }],
    ['another boot', { bootId: 'earlier' }],
  ])('of %s is held while it is touched', (_what, self) => {
    const files = filesWithDirectory();
    const first = take(files, host(10, { 10: 'a' }, self));
    files.nowMs += LOCK_FRESH_MS - 1;
    // That a process of this number lives or not here says nothing.
    expect(() => take(files, host(11, {}))).toThrow(
      'data directory /data is in use by process 10 on host here, which showed itself 15 s ago; ' +
        'if it has ended, try again in 15 s',
    );
    first.touch();
    files.nowMs += LOCK_FRESH_MS - 1;
    expect(() => take(files, host(11, {}))).toThrow('in use');
    files.nowMs += 2;
    take(files, host(11, { 11: 'b' }));
    expect(() => first.touch()).toThrow('taken over');
  });

  test('that cannot be read goes by its age alone', () => {
    for (const content of [new Uint8Array(0), Buffer.from('{"pid":1}\n'), Buffer.alloc(900, 255)]) {
      const files = filesWithDirectory();
      files.put(LOCK, content);
      files.nowMs += LOCK_FRESH_MS - 1;
      expect(() => take(files, host(11, {}))).toThrow('in use by another process');
      files.nowMs += 2;
      take(files, host(11, {}));
    }
  });

  test('with any bit flipped is refused or taken, never a surprise', () => {
    const files = filesWithDirectory();
    take(files, host(10, { 10: 'a' }));
    const bits = files.content(LOCK).length * 8;
    for (let bit = 0; bit < bits; bit += 1) {
      const flipped = files.copy();
      flipped.flip(LOCK, bit);
      expect(() => take(flipped, host(11, { 10: 'a', 11: 'b' }))).toThrow(StorageError);
      flipped.nowMs += 2 * LOCK_FRESH_MS;
      take(flipped, host(11, { 10: 'a', 11: 'b' }));
    }
  });

  test('is taken by one of two who find it stale at the same moment, whoever is in between', () => {
    const alive = { 11: 'b', 12: 'c' };
    let races = 0;
    for (let at = 0; at < 40; at += 1) {
      const files = filesWithDirectory();
      take(files, host(10, { 10: 'a' }));
      let operations = 0;
      let other: unknown;
      files.fault = () => {
        operations += 1;
        if (operations !== at) return undefined;
        races += 1;
        files.fault = () => undefined;
        other = attempt(() => take(files, host(12, alive)));
        return undefined;
      };
      const first = attempt(() => take(files, host(11, alive)));
      const holders = [first, other].filter((taken) => taken instanceof DirectoryLock);
      // Both may give up where they meet, but never do both have it.
      expect(holders.length, `at ${at}`).toBeLessThanOrEqual(1);
      for (const holder of holders) holder.touch();
      for (const result of [first, other]) {
        if (result instanceof Error) expect(result).toBeInstanceOf(StorageError);
      }
    }
    expect(races).toBeGreaterThan(8);
  });

  test('can be taken although those who tried were killed at any moment', () => {
    const alive = { 11: 'b', 12: 'c' };
    for (let first = 1; first < 16; first += 1) {
      for (let second = 1; second < 16; second += 1) {
        let files = filesWithDirectory();
        take(files, host(10, { 10: 'a' }));
        for (const [pid, at] of [
          [11, first],
          [12, second],
        ] as const) {
          let operations = 0;
          files.fault = () => {
            operations += 1;
            return operations >= at ? { code: 'KILLED' } : undefined;
          };
          attempt(() => take(files, host(pid, alive)));
          files = files.copy();
        }
        files.nowMs += 2 * LOCK_FRESH_MS;
        take(files, host(13, { 13: 'd' }));
        expect(files.list(DIRECTORY)).toEqual(['LOCK']);
      }
    }
  });
});

function attempt(work: () => DirectoryLock): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
