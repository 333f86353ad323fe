/**
 * A small file system of its own, which a test may fill: a tmpfs, where mounting is permitted.
 * Unmount it in any case.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FILLER = 'filler';

export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Undefined where it is not permitted. */
  static mount(size: string): SmallDisk | undefined {
    if (process.platform !== 'linux') return undefined;
    const path = mkdtempSync(join(tmpdir(), 'sojourn-disk-'));
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
    if (status === 0) return new SmallDisk(path);
    rmSync(path, { recursive: true });
    return undefined;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes all but so many bytes. */
  fill(leavingBytes: number): void {
    const bytes = this.freeBytes - leavingBytes;
    if (bytes > 0) writeFileSync(join(this.path, FILLER), Buffer.alloc(bytes));
  }

  empty(): void {
    rmSync(join(this.path, FILLER), { force: true });
  }

  unmount(): void {
    // Lazily: a server that was killed a moment ago may still hold a file.
    spawnSync('umount', ['-l', this.path]);
    rmSync(this.path, { recursive: true, force: true });
  }
}
