import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeFiles } from '../../../src/storage/files.js';
import { saveFileOf, SaveSets, SET_FORMAT, type SaveSet } from '../../../src/storage/save-set.js';
import { sealJson } from '../../../src/storage/sealed-json.js';

let directory: string;
let sets: SaveSets;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sojourn-sets-'));
  sets = new SaveSets(new NodeFiles(), directory);
});
afterEach(() => rmSync(directory, { recursive: true }));

function setOf(overrides: Partial<SaveSet> = {}): SaveSet {
  return {
    format: SET_FORMAT,
    name: 'a',
    kind: 'sessions',
    status: 'complete',
    secretCheck: '0123456789abcdef',
    startedMs: 5,
    completedMs: 6,
    sessions: 1,
    keys: 2,
    files: [{ file: '00.save', sessions: 1, keys: 2, bytes: 3 }],
    ...overrides,
  };
}

/** A set as a save leaves it. */
function save(nowMs: number, overrides: Partial<SaveSet> = {}): string {
  const folder = sets.create(overrides.name ?? 'a', nowMs);
  writeFileSync(join(directory, folder, '00.save'), 'data');
  sets.write(folder, setOf(overrides));
  return folder;
}

const folders = (name = 'a'): string[] => readdirSync(join(directory, 'saves', name));

describe('SaveSets', () => {
  test('names folders by nanoseconds and finds what it wrote', () => {
    const folder = save(1_700_000_000_123.25);
    expect(folder).toBe('saves/a/1700000000123250000');
    expect(sets.findNewest('a')).toEqual({ folder, set: setOf() });
    expect(readdirSync(join(directory, folder))).toEqual(['00.save', 'set.json']);
  });

  test('finds the newest by number, though names may differ in length', () => {
    for (const [nowMs, sessions] of [
      [9, 9],
      [10_000, 10],
    ] as const) {
      save(nowMs, { sessions });
    }
    expect(sets.findNewest('a').set.sessions).toBe(10);
  });

  test('makes every set newer than those before, though the clock was set back', () => {
    save(1_000);
    save(1_000, { sessions: 5 });
    const folder = save(10, { sessions: 7 });
    expect(folder).toBe('saves/a/1000000002');
    expect(sets.findNewest('a').set.sessions).toBe(7);
  });

  test('passes over a set that was never completed, and one that was hardly begun', () => {
    const whole = save(1);
    sets.write(sets.create('a', 2), setOf({ status: 'pending' }));
    mkdirSync(join(directory, 'saves/a/999999999'));
    expect(sets.findNewest('a').folder).toBe(whole);
  });

  test('removes what was left half written when the name is saved again', () => {
    const half = save(1, { status: 'pending' });
    writeFileSync(join(directory, half, '01.save.new'), 'data');
    sets.create('b', 2);
    expect(folders()).toHaveLength(1);
    sets.create('a', 3);
    expect(folders()).toEqual(['3000000']);
  });

  test('keeps whole and damaged ones when the name is saved again', () => {
    save(1);
    const damaged = save(2);
    writeFileSync(join(directory, damaged, 'set.json'), 'x');
    sets.create('a', 3);
    expect(folders()).toEqual(['1000000', '2000000', '3000000']);
  });

  test('removes a set with its folders, but nothing that is not its own', () => {
    const first = save(1);
    writeFileSync(join(directory, first, 'notes.txt'), 'mine');
    const second = save(2);
    sets.remove(second);
    expect(folders()).toEqual(['1000000']);
    sets.remove(first);
    expect(readdirSync(join(directory, first))).toEqual(['notes.txt']);
    const other = save(1, { name: 'b' });
    sets.remove(other);
    expect(readdirSync(join(directory, 'saves'))).toEqual(['a']);
  });

  test.each([
    ['cut', (line: string) => line.slice(0, -10)],
    ['changed', (line: string) => line.replace('"keys":2', '"keys":3')],
    ['emptied', () => ''],
    ['sealed, but of another name', () => sealed({ name: 'b' })],
    ['sealed, but of another format', () => sealed({ format: 2 })],
    ['sealed, with a file elsewhere', () => sealed({ files: [{ file: '../x' }] })],
    ['sealed, with an unknown kind', () => sealed({ kind: 'both' })],
    ['sealed, with an unknown status', () => sealed({ status: 'done' })],
    ['sealed, without files', () => sealed({ files: 5 })],
  ])('does not go back to an older set if the newest was %s', (_, change) => {
    save(1);
    const newest = save(2);
    const file = join(directory, newest, 'set.json');
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    expect(() => sets.findNewest('a')).toThrow(`${newest}/set.json`);
  });

  test('does not go back to an older set if the newest has lost its set.json', () => {
    save(1);
    const newest = save(2);
    rmSync(join(directory, newest, 'set.json'));
    expect(() => sets.findNewest('a')).toThrow(`${newest}/set.json is missing`);
  });

  test.each(['b', '..', '../a', '', 'a/1000000', '.a'])('has no set of the name %j', (name) => {
    save(1);
    expect(() => sets.findNewest(name)).toThrow(/no (complete )?set/);
  });

  test('ignores files and folders that are no sets', () => {
    const folder = save(1);
    for (const name of ['01', '5.5', 'x', '-1']) mkdirSync(join(directory, 'saves/a', name));
    writeFileSync(join(directory, 'saves/a/5000000'), 'a file');
    symlinkSync(join(directory, folder), join(directory, 'saves/a/6000000'));
    expect(sets.findNewest('a').folder).toBe(folder);
  });

  test('makes no set in a folder that is a link to elsewhere', () => {
    mkdirSync(join(directory, 'saves'));
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'saves/a'));
    expect(() => sets.create('a', 1)).toThrow('no folder');
    expect(readdirSync(join(directory, 'elsewhere'))).toEqual([]);
  });

  test('names the file of each shard', () => {
    expect([saveFileOf(0), saveFileOf(63)]).toEqual(['00.save', '63.save']);
  });
});

function sealed(overrides: object): string {
  return Buffer.from(sealJson({ ...setOf(), ...overrides })).toString();
}
