/** Where and with what a figure was measured. Part of every result. */
import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

export interface Machine {
  readonly machine: string;
  readonly node: string;
  /** Short hash, with "+changes" if the tree differs from it. */
  readonly commit: string;
}

export function thisMachine(): Machine {
  const cores = cpus();
  const model = cores[0]?.model.trim() ?? 'unknown';
  const gigabytes = (totalmem() / 1024 ** 3).toFixed(1);
  return {
    machine: `${cores.length} x ${model}, ${gigabytes} GiB, ${process.platform} ${process.arch}`,
    node: process.version,
    commit: commit(),
  };
}

function commit(): string {
  const head = git('rev-parse', '--short', 'HEAD');
  if (head === undefined) return 'unknown';
  return git('status', '--porcelain') === '' ? head : `${head}+changes`;
}

function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
