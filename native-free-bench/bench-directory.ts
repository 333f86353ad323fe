/**
 * Folders for the data of servers under test, on the disk where temporary files go. They are
 * removed when the bench ends, however it ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

export function benchDirectory(): string {
  if (made.length === 0) process.on('exit', removeAll);
  const path = mkdtempSync(join(tmpdir(), 'sojourn-bench-'));
  made.push(path);
  return path;
}

function removeAll(): void {
  for (const path of made) rmSync(path, { recursive: true, force: true });
}
