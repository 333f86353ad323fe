/**
 * The choice of the sessions' memory layout: how long one look-up of a digest and the reads that
 * follow it take, at 4 million sessions, in the three layouts that
 * were candidates. Plain typed arrays, no commands around them.
 *
 *   chained rows   64-byte headers, buckets of a linear hash, the chain inside the headers (in use)
 *   probed pairs   64-byte headers, open addressing with pairs (tag, row), load 0.48 to 0.95
 *   field arrays   one array per field, buckets and chain as in the first
 */
import type { Bench } from './bench.js';
import { summaryOf } from './statistics.js';
import { compact, percent } from './table.js';

const SESSIONS = 4_000_000;
const ROW_WORDS = 16;
const LOOKUPS_PER_LOOK = 4_096;

interface Layout {
  readonly name: string;
  readonly bytesPerSession: number;
  /** Looks a digest up and sums the fields that a read needs. */
  readonly lookup: (number: number) => number;
}

export const layout: Bench = {
  name: 'layout',
  summary: 'look-ups in the candidate memory layouts, with no commands',

  async run(options, output) {
    const digests = randomWords(SESSIONS * 4);
    const builders = [chainedRows, probedPairs, fieldArrays];
    const layouts = builders.map((build) => build(digests));
    const rates = layouts.map((): number[] => []);
    for (let round = -1; round < options.rounds; round += 1) {
      for (const [index, one] of layouts.entries()) {
        const perSecond = measure(one, options.seconds);
        // The first round only warms up.
        if (round >= 0) rates[index]!.push(perSecond);
      }
    }
    output.heading('layout', `${SESSIONS} sessions, random look-ups`);
    const rows = layouts.map(({ name, bytesPerSession }, index) => {
      const rate = summaryOf(rates[index]!);
      output.result('layout', { case: name, lookupsPerSecond: rate, bytesPerSession });
      const ns = (1e9 / rate.median).toFixed(0);
      return [name, compact(rate.median), percent(rate.spread), ns, bytesPerSession.toFixed(1)];
    });
    output.table('layout', {
      rows: [['layout', 'look-ups/s', 'spread', 'ns each', 'bytes/session'], ...rows],
    });
  },
};

function measure({ lookup }: Layout, seconds: number): number {
  let state = 12_345;
  let sum = 0;
  let lookups = 0;
  const start = performance.now();
  const end = start + seconds * 1_000;
  while (performance.now() < end) {
    for (let look = 0; look < LOOKUPS_PER_LOOK; look += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      sum += lookup((state >>> 0) % SESSIONS);
    }
    lookups += LOOKUPS_PER_LOOK;
  }
  if (Number.isNaN(sum)) throw new Error('a look-up read nothing');
  return (lookups / (performance.now() - start)) * 1_000;
}

function randomWords(count: number): Int32Array {
  const words = new Int32Array(count);
  let state = 1;
  for (let index = 0; index < count; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    words[index] = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) ^ (state >>> 12);
  }
  return words;
}

/** The bucket of a hash among a number of buckets that need not be a power of two. */
function bucketOf(hash: number, buckets: number): number {
  const base = 1 << (31 - Math.clz32(buckets));
  const bucket = hash & (base * 2 - 1);
  return bucket < buckets ? bucket : bucket & (base - 1);
}

function shared(words: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(words * 4));
}

function chainedRows(digests: Int32Array): Layout {
  const rows = shared(SESSIONS * ROW_WORDS);
  const heads = shared(SESSIONS);
  for (let row = 0; row < SESSIONS; row += 1) {
    for (let word = 0; word < 4; word += 1) rows[row * ROW_WORDS + word] = digests[row * 4 + word]!;
    const bucket = bucketOf(digests[row * 4]!, SESSIONS);
    rows[row * ROW_WORDS + 13] = heads[bucket]!;
    heads[bucket] = row + 1;
  }
  return {
    name: 'chained rows',
    bytesPerSession: ROW_WORDS * 4 + 4,
    lookup(number) {
      const from = number * 4;
      let row = heads[bucketOf(digests[from]!, SESSIONS)]! - 1;
      while (row >= 0) {
        const at = row * ROW_WORDS;
        if (rows[at] === digests[from] && rows[at + 1] === digests[from + 1]) break;
        row = rows[at + 13]! - 1;
      }
      const at = row * ROW_WORDS;
      return rows[at + 3]! + rows[at + 8]! + rows[at + 10]! + rows[at + 14]!;
    },
  };
}

function probedPairs(digests: Int32Array): Layout {
  const rows = shared(SESSIONS * ROW_WORDS);
  const capacity = 2 ** Math.ceil(Math.log2(SESSIONS / 0.95));
  const pairs = shared(capacity * 2);
  for (let row = 0; row < SESSIONS; row += 1) {
    for (let word = 0; word < 4; word += 1) rows[row * ROW_WORDS + word] = digests[row * 4 + word]!;
    let at = digests[row * 4]! & (capacity - 1);
    while (pairs[at * 2 + 1] !== 0) at = (at + 1) & (capacity - 1);
    pairs[at * 2] = digests[row * 4 + 1]!;
    pairs[at * 2 + 1] = row + 1;
  }
  return {
    name: 'probed pairs',
    bytesPerSession: ROW_WORDS * 4 + (capacity * 8) / SESSIONS,
    lookup(number) {
      const from = number * 4;
      let place = digests[from]! & (capacity - 1);
      while (pairs[place * 2 + 1] !== 0) {
        if (pairs[place * 2] === digests[from + 1]) break;
        place = (place + 1) & (capacity - 1);
      }
      const at = (pairs[place * 2 + 1]! - 1) * ROW_WORDS;
      return rows[at + 3]! + rows[at + 8]! + rows[at + 10]! + rows[at + 14]!;
    },
  };
}

function fieldArrays(digests: Int32Array): Layout {
  const fields = Array.from({ length: ROW_WORDS }, () => shared(SESSIONS));
  const [first, second, third, , , , , , meta, , pointer, , , chain, created] = fields as [
    Int32Array,
    Int32Array,
    Int32Array,
    ...Int32Array[],
  ];
  const heads = shared(SESSIONS);
  for (let row = 0; row < SESSIONS; row += 1) {
    first[row] = digests[row * 4]!;
    second[row] = digests[row * 4 + 1]!;
    const bucket = bucketOf(digests[row * 4]!, SESSIONS);
    chain![row] = heads[bucket]!;
    heads[bucket] = row + 1;
  }
  return {
    name: 'field arrays',
    bytesPerSession: ROW_WORDS * 4 + 4,
    lookup(number) {
      const from = number * 4;
      let row = heads[bucketOf(digests[from]!, SESSIONS)]! - 1;
      while (row >= 0) {
        if (first[row] === digests[from] && second[row] === digests[from + 1]) break;
        row = chain![row]! - 1;
      }
      return third[row]! + meta![row]! + pointer![row]! + created![row]!;
    },
  };
}
