import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DirectoryLock } from '../../../src/storage/directory-lock.js';
import { type Files, NodeFiles, readWhole, replaceWhole } from '../../../src/storage/files.js';
import { readHostFacts } from '../../../src/storage/host-facts.js';
import { codeOf } from '../../../src/storage/storage-error.js';
import { MemoryFiles } from '../../support/memory-files.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sojourn-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Both kinds behave alike, or tests with the one say nothing of the other. */
const KINDS: readonly (readonly [string, () => Files])[] = [
  ['NodeFiles', () => new NodeFiles()],
  ['MemoryFiles', () => new MemoryFiles()],
];

function codeFrom(work: () => void): string {
  try {
    work();
  } catch (error) {
    return codeOf(error);
  }
  return 'it did not fail';
}

describe.each(KINDS)('%s', (_name, make) => {
  let files: Files;
  beforeEach(() => {
    files = make();
    files.makeDirectory(folder);
  });

  test('writes at a position, reads what is there, and tells the size', () => {
    const fd = files.open(join(folder, 'a'), 'create');
    files.write(fd, Uint8Array.of(9, 1, 2, 3, 9), 1, 3, 5);
    files.write(fd, Uint8Array.of(7), 0, 1, 0);
    expect(files.size(fd)).toBe(8);
    const to = new Uint8Array(10);
    expect(files.read(fd, to, 2, 8, 4)).toBe(4);
    expect([...to]).toEqual([0, 0, 0, 1, 2, 3, 0, 0, 0, 0]);
    expect(files.read(fd, to, 0, 4, 8)).toBe(0);
    files.truncate(fd, 6);
    expect(files.size(fd)).toBe(6);
    files.sync(fd);
    files.close(fd);
    expect([...readWhole(files, join(folder, 'a'))]).toEqual([7, 0, 0, 0, 0, 1]);
  });

  test('refuses to create what is there and to open what is not', () => {
    files.close(files.open(join(folder, 'a'), 'create'));
    expect(codeFrom(() => files.open(join(folder, 'a'), 'create'))).toBe('EEXIST');
    expect(codeFrom(() => files.open(join(folder, 'b'), 'write'))).toBe('ENOENT');
    expect(codeFrom(() => files.open(join(folder, 'b'), 'read'))).toBe('ENOENT');
    expect(codeFrom(() => files.open(join(folder, 'no', 'b'), 'create'))).toBe('ENOENT');
  });

  test('gives a file a second name, once, and another name in the place of a third', () => {
    files.close(files.open(join(folder, 'a'), 'create'));
    files.link(join(folder, 'a'), join(folder, 'b'));
    expect(codeFrom(() => files.link(join(folder, 'a'), join(folder, 'b')))).toBe('EEXIST');
    replaceWhole(files, folder, 'c', Uint8Array.of(1, 2));
    files.rename(join(folder, 'c'), join(folder, 'b'));
    expect(files.list(folder)).toEqual(['a', 'b']);
    expect([...readWhole(files, join(folder, 'b'))]).toEqual([1, 2]);
    files.remove(join(folder, 'a'));
    files.remove(join(folder, 'a'));
    expect(files.list(folder)).toEqual(['b']);
  });

  test('makes folders with those above, and lists what is in them', () => {
    files.makeDirectory(join(folder, 'x', 'y'));
    files.makeDirectory(join(folder, 'x', 'y'));
    expect(files.list(join(folder, 'x'))).toEqual(['y']);
    expect(files.list(join(folder, 'z'))).toEqual([]);
    expect(files.exists(join(folder, 'x'))).toBe(true);
    expect(files.isDirectory(join(folder, 'x'))).toBe(true);
    expect(files.isDirectory(join(folder, 'z'))).toBe(false);
    files.removeDirectory(join(folder, 'x', 'y'));
    expect(files.list(join(folder, 'x'))).toEqual([]);
  });

  test('replaces a file in one step, whatever an earlier attempt has left', () => {
    files.close(files.open(join(folder, 'm.new'), 'create'));
    replaceWhole(files, folder, 'm', Uint8Array.of(1));
    replaceWhole(files, folder, 'm', Uint8Array.of(2, 3));
    expect(files.list(folder)).toEqual(['m']);
    expect([...readWhole(files, join(folder, 'm'))]).toEqual([2, 3]);
  });

  test('syncs later, too', async () => {
    const fd = files.open(join(folder, 'a'), 'create');
    await files.syncLater(fd);
    await files.syncDirectoryLater(folder);
    files.syncDirectory(folder);
    files.close(fd);
    await expect(files.syncLater(fd)).rejects.toMatchObject({ code: 'EBADF' });
  });
});

describe('NodeFiles', () => {
  test('keeps what it makes for its owner', () => {
    const files = new NodeFiles();
    files.makeDirectory(join(folder, 'x', 'y'));
    files.close(files.open(join(folder, 'x', 'a'), 'create'));
    const modes = ['x', 'x/y', 'x/a'].map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  test('says where no folder can be made, also where the system tries for ever', () => {
    const files = new NodeFiles();
    const file = join(folder, 'file');
    files.close(files.open(file, 'create'));
    expect(() => files.makeDirectory(file)).toThrow('EEXIST');
    expect(() => files.makeDirectory(join(file, 'x', 'y'))).toThrow('ENOTDIR');
    if (process.platform !== 'linux') return;
    expect(() => files.makeDirectory('/proc/sojourn/data')).toThrow('ENOENT');
  });

  test('opens no symbolic link, but lives in a folder that is reached through one', () => {
    const files = new NodeFiles();
    writeFileSync(join(folder, 'target'), 'x');
    symlinkSync(join(folder, 'target'), join(folder, 'link'));
    for (const mode of ['read', 'write', 'create'] as const) {
      expect(codeFrom(() => files.open(join(folder, 'link'), mode))).toMatch(/ELOOP|EEXIST/);
    }
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'way'));
    files.makeDirectory(join(folder, 'way'));
    files.close(files.open(join(folder, 'way', 'a'), 'create'));
    expect(files.list(join(folder, 'real'))).toEqual(['a']);
    expect(files.isDirectory(join(folder, 'way'))).toBe(false);
  });
});

describe('readHostFacts', () => {
  test('knows this process, and that one which has ended is gone', async () => {
    const facts = readHostFacts();
    expect(facts.self.pid).toBe(process.pid);
    expect(facts.startTimeOf(process.pid)).toBe(facts.self.startTime);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const pid = child.pid!;
    await new Promise((resolve) => child.once('spawn', resolve));
    expect(facts.startTimeOf(pid)).toMatch(/^\d*$/);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(facts.startTimeOf(pid)).toBeUndefined();
  });

  test('lets a real folder be held by this process only once', () => {
    const files = new NodeFiles();
    const lock = new DirectoryLock(files, folder, readHostFacts());
    const text = `data directory ${folder} is in use by process ${process.pid}`;
    expect(() => new DirectoryLock(files, folder, readHostFacts())).toThrow(text);
    lock.touch();
    lock.release();
    expect(files.list(folder)).toEqual([]);
  });
});
