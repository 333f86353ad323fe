/** The fake disk itself: what it must keep, what it may forget, and that it does forget. */
import { describe, expect, test } from 'vitest';
import { readWhole } from '../../src/storage/files.js';
import { PowerCutFiles } from '../support/power-cut-files.js';
import { Random } from '../support/random.js';

const BLOCK = 512;
const TRIES = 200;

function newFiles(seed = 1): PowerCutFiles {
  const files = new PowerCutFiles({ random: new Random(seed), blockBytes: BLOCK });
  files.makeDirectory('/d');
  files.syncDirectory('/');
  return files;
}

function put(files: PowerCutFiles, path: string, byte: number, bytes = 4 * BLOCK): number {
  const fd = files.open(path, 'create');
  files.write(fd, new Uint8Array(bytes).fill(byte), 0, bytes, 0);
  return fd;
}

/** What many cuts leave, each as one text, every outcome once. */
function outcomes(files: PowerCutFiles, textOf: (files: PowerCutFiles) => string): Set<string> {
  return new Set(Array.from({ length: TRIES }, () => textOf(files.afterCut(0.5))));
}

const namesIn = (files: PowerCutFiles): string => files.list('/d').join();

describe('PowerCutFiles', () => {
  test('keeps what was synced, with its name', () => {
    const files = newFiles();
    files.sync(put(files, '/d/a', 7));
    files.syncDirectory('/d');
    const contents = outcomes(files, (left) => readWhole(left, '/d/a').join());
    expect(contents).toEqual(new Set([new Uint8Array(4 * BLOCK).fill(7).join()]));
  });

  test('may lose a name whose folder was not synced, although the file was', () => {
    const files = newFiles();
    files.sync(put(files, '/d/a', 7));
    expect(outcomes(files, namesIn)).toEqual(new Set(['', 'a']));
  });

  test('keeps any of the blocks written since the sync, and any size', () => {
    const files = newFiles();
    const fd = put(files, '/d/a', 1);
    files.sync(fd);
    files.syncDirectory('/d');
    files.write(fd, new Uint8Array(6 * BLOCK).fill(2), 0, 6 * BLOCK, 0);
    const shapes = outcomes(files, (left) => {
      const bytes = readWhole(left, '/d/a');
      return [0, 1, 2, 3].map((block) => bytes[block * BLOCK]).join('') + bytes.length;
    });
    expect(shapes.size).toBe(32);
  });

  test('leaves the blocks of a failed sync to chance, whatever is synced later', () => {
    const files = newFiles();
    const fd = put(files, '/d/a', 1);
    files.syncDirectory('/d');
    files.onOperation = (operation) => {
      if (operation === 'sync') throw new Error('EIO');
    };
    expect(() => files.sync(fd)).toThrow('EIO');
    files.onOperation = () => undefined;
    files.sync(fd);
    expect(outcomes(files, (left) => readWhole(left, '/d/a').join('')).size).toBeGreaterThan(4);
  });

  test('gives a renamed file its old name, its new one, both or none until the folder is synced', () => {
    const files = newFiles();
    files.sync(put(files, '/d/a', 1));
    files.syncDirectory('/d');
    files.rename('/d/a', '/d/b');
    expect(outcomes(files, namesIn)).toEqual(new Set(['a', 'b', 'a,b', '']));
    files.syncDirectory('/d');
    expect(outcomes(files, namesIn)).toEqual(new Set(['b']));
  });

  test('brings a removed file back until the folder is synced', () => {
    const files = newFiles();
    files.sync(put(files, '/d/a', 1));
    files.syncDirectory('/d');
    files.remove('/d/a');
    expect(outcomes(files, namesIn)).toEqual(new Set(['', 'a']));
  });

  test('ends at the operation it was told, for good', () => {
    const files = newFiles();
    const fd = put(files, '/d/a', 1);
    files.operationsLeft = 2;
    files.write(fd, new Uint8Array(1), 0, 1, 0);
    expect(() => files.sync(fd)).toThrow('power');
    expect(() => files.size(fd)).toThrow('power');
    expect(files.afterCut(0).list('/d')).toEqual([]);
  });
});
