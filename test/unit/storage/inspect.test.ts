import { describe, expect, test } from 'vitest';
import { FileInspection } from '../../../src/storage/inspect.js';
import { DIRECTORY } from '../../support/log-story.js';
import { inspectIn, SEGMENT, SNAPSHOT, storyOfThree } from '../../support/tool-runs.js';

const kindsOf = (lines: readonly Record<string, unknown>[]): string[] =>
  lines.map((line) => Object.keys(line)[0] ?? '');

describe('FileInspection', () => {
  test('shows a log: its header, a line a batch, a line an entry', () => {
    const { lines, isSound } = inspectIn(storyOfThree().files, SEGMENT(3));
    expect(isSound).toBe(true);
    expect(kindsOf(lines)).toEqual(['file', ...new Array(4).fill(['batch', 'entry']).flat()]);
    expect(lines[0]).toMatchObject({
      ...{ file: 'log', epoch: 1, shard: 0, shards: 1, number: 3, firstSequence: 9 },
    });
    expect(lines[1]).toMatchObject({ batch: 9, at: 64, synced: 8, entries: 1 });
    expect(lines[2]).toMatchObject({ entry: 'SESSION', id: '090000000200000003000000', slot: 9 });
    expect(lines[3]).toMatchObject({ batch: 10, at: 64 + Number(lines[1]?.['bytes']) });
  });

  test('shows a snapshot: its header, a line a chunk, a line a session, its footer', () => {
    const { lines, isSound } = inspectIn(storyOfThree().files, SNAPSHOT(2));
    expect(isSound).toBe(true);
    const parts = new Array(4).fill(['chunk', 'entry']).flat() as string[];
    expect(kindsOf(lines)).toEqual(['file', ...parts, 'footer']);
    expect(lines[0]).toMatchObject({ file: 'snapshot', number: 2, firstSequence: 5 });
    expect(lines[1]).toMatchObject({ chunk: 1, at: 64, sessions: 1, keys: 1 });
    expect(lines.at(-1)).toEqual({ footer: { chunks: 4, sessions: 4, keys: 4 } });
  });

  test('shows of the secret that it is one, and nothing of what is in it', () => {
    const { files } = storyOfThree();
    const { lines, isSound } = inspectIn(files, `${DIRECTORY}/secret`);
    expect(isSound).toBe(true);
    expect(lines).toEqual([{ file: 'secret', bytes: 96, created: expect.any(String) as string }]);
  });

  test.each([
    ['a batch that is cut', 64 + 100, 'a batch is cut short', 64],
    ['the header of a batch that is cut', 64 + 20, 'a batch is cut short', 64],
    ['a header that is cut', 30, 'its header is incomplete', 0],
  ])('ends with %s', (_, bytes, why, at) => {
    const { files } = storyOfThree();
    files.cut(SEGMENT(3), bytes);
    const { lines, isSound } = inspectIn(files, SEGMENT(3));
    expect(isSound).toBe(false);
    expect(lines.at(-1)).toEqual({ damage: { at, why } });
  });

  test.each([
    ['in the header of a batch', 64 + 16, 'no batch begins here', 64],
    ['in the body of a batch', 64 + 60, 'the checksum of a batch is wrong', 64],
    ['in the header of the file', 20, 'the checksum of its header is wrong', 0],
    ['in the magic', 0, 'it does not begin like a file of Sojourn', 0],
  ])('ends where a bit has flipped %s', (_, byte, why, at) => {
    const { files } = storyOfThree();
    files.flip(SEGMENT(3), byte * 8);
    const { lines, isSound } = inspectIn(files, SEGMENT(3));
    expect(isSound).toBe(false);
    expect(lines.at(-1)).toEqual({ damage: { at, why } });
  });

  test('shows what comes before the damage', () => {
    const { files } = storyOfThree();
    const bytes = files.content(SEGMENT(3)).length;
    files.cut(SEGMENT(3), bytes - 1);
    const { lines } = inspectIn(files, SEGMENT(3));
    expect(kindsOf(lines).filter((kind) => kind === 'batch')).toHaveLength(3);
  });

  test('shows where a snapshot is damaged', () => {
    const { files } = storyOfThree();
    const at = Number(inspectIn(files, SNAPSHOT(2)).lines[3]?.['at']);
    files.flip(SNAPSHOT(2), (at + 40) * 8);
    const { lines, isSound } = inspectIn(files, SNAPSHOT(2));
    expect(isSound).toBe(false);
    expect(kindsOf(lines)).toEqual(['file', 'chunk', 'entry', 'damage']);
    expect(lines.at(-1)).toMatchObject({ damage: { at } });
  });

  test('reads no further than it is asked for', () => {
    const { files } = storyOfThree();
    let reads = 0;
    files.fault = (operation) => {
      if (operation === 'read') reads += 1;
      return undefined;
    };
    const inspection = new FileInspection(files, SEGMENT(3));
    const lines = inspection.lines();
    lines.next();
    expect(reads).toBe(1);
    inspection.close();
    expect(files.openCount).toBe(0);
  });
});
