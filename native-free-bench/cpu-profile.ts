/**
 * CPU profiles as V8 writes them: a tree of calls, and for each sample the call that ran. Cut to a
 * window of time, told apart by thread, summed up by function.
 */

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
    readonly scriptId: string;
  };
  /** Samples of this call itself, without those that it makes. */
  readonly hitCount: number;
  readonly children?: readonly number[];
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Microseconds on the machine's monotonic clock, as process.hrtime counts. */
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export type ThreadKind = 'io' | 'shard';

/** By what only that thread runs. */
const MARKS: Readonly<Record<ThreadKind, string>> = {
  shard: '/src/shard/shard-loop.js',
  io: '/src/io/',
};

/** Undefined for the others: main, jobs. */
export function threadKindOf({ nodes }: CpuProfile): ThreadKind | undefined {
  const has = (mark: string): boolean =>
    nodes.some(({ callFrame }) => callFrame.url.includes(mark));
  if (has(MARKS.shard)) return 'shard';
  return has(MARKS.io) ? 'io' : undefined;
}

/** Microseconds on the same clock. */
export interface TimeWindow {
  readonly fromUs: number;
  readonly toUs: number;
}

/** The samples within the window, hits counted anew. */
export function cutTo(profile: CpuProfile, { fromUs, toUs }: TimeWindow): CpuProfile {
  const samples: number[] = [];
  const timeDeltas: number[] = [];
  const hits = new Map<number, number>();
  let atUs = profile.startTime;
  profile.samples.forEach((id, index) => {
    const deltaUs = profile.timeDeltas[index]!;
    atUs += deltaUs;
    if (atUs < fromUs || atUs > toUs) return;
    samples.push(id);
    timeDeltas.push(samples.length === 1 ? 0 : deltaUs);
    hits.set(id, (hits.get(id) ?? 0) + 1);
  });
  const nodes = profile.nodes.map((node) => ({ ...node, hitCount: hits.get(node.id) ?? 0 }));
  return { nodes, startTime: fromUs, endTime: toUs, samples, timeDeltas };
}

/** With paths from the project's root in place of URLs, whatever machine it was taken on. */
export function withShortPaths(profile: CpuProfile, root: string): CpuProfile {
  const shortened = (url: string): string =>
    url.startsWith(root) ? url.slice(root.length).replace(/^\/?(dist\/)?/, '') : url;
  const nodes = profile.nodes.map((node) => ({
    ...node,
    callFrame: { ...node.callFrame, url: shortened(node.callFrame.url) },
  }));
  return { ...profile, nodes };
}

/** V8 counts lines from 0; 0x shows the number as it is. */
export function withLinesFromOne(profile: CpuProfile): CpuProfile {
  const nodes = profile.nodes.map((node) => {
    const lineNumber = node.callFrame.lineNumber + 1;
    return { ...node, callFrame: { ...node.callFrame, lineNumber } };
  });
  return { ...profile, nodes };
}

export interface FunctionTime {
  readonly name: string;
  readonly place: string;
  /** Parts of the time in which the thread did not sleep. */
  readonly selfPart: number;
  /** With what it calls. */
  readonly totalPart: number;
}

export interface ProfileSummary {
  readonly samples: number;
  /** Part of all samples in which the thread slept. */
  readonly idlePart: number;
  /** By time of their own, the most first. */
  readonly functions: readonly FunctionTime[];
}

const ROOT_NAME = '(root)';
/** What a thread waits in: the event loop, and Atomics.wait, which a shard sleeps in. */
const IDLE_NAMES = new Set(['(idle)', 'wait']);

/** A function is a name at a place in a file. What has no file is V8's or Node's own. */
function keyOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame;
  const place = url === '' ? '' : `${url}:${lineNumber + 1}`;
  return `${functionName === '' ? '(anonymous)' : functionName}\n${place}`;
}

export function summaryOf(profile: CpuProfile): ProfileSummary {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const selfHits = new Map<string, number>();
  const totalHits = new Map<string, number>();
  let samples = 0;
  let idle = 0;
  /** @returns hits of the node and all below it; idle ones left out. */
  const walk = (node: ProfileNode, path: ReadonlySet<string>): number => {
    const key = keyOf(node);
    const isIdle = IDLE_NAMES.has(node.callFrame.functionName);
    samples += node.hitCount;
    if (isIdle) idle += node.hitCount;
    let hits = isIdle ? 0 : node.hitCount;
    selfHits.set(key, (selfHits.get(key) ?? 0) + hits);
    const pathBelow = new Set(path).add(key);
    for (const child of node.children ?? []) hits += walk(byId.get(child)!, pathBelow);
    // A function that calls itself counts once.
    if (!path.has(key)) totalHits.set(key, (totalHits.get(key) ?? 0) + hits);
    return hits;
  };
  const root = profile.nodes.find(({ callFrame }) => callFrame.functionName === ROOT_NAME);
  if (root !== undefined) walk(root, new Set());
  const busy = Math.max(1, samples - idle);
  const functions = [...selfHits]
    .map(([key, hits]): FunctionTime => {
      const [name = '', place = ''] = key.split('\n');
      const totalPart = (totalHits.get(key) ?? 0) / busy;
      return { name, place, selfPart: hits / busy, totalPart };
    })
    .filter(({ name, totalPart }) => name !== ROOT_NAME && totalPart > 0)
    .sort((a, b) => b.selfPart - a.selfPart);
  return { samples, idlePart: samples === 0 ? 0 : idle / samples, functions };
}
