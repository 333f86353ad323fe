/** What the report consists of, in the order of its page. */

export interface ReportPart {
  /** Unique; for --only. */
  readonly name: string;
  readonly bench: string;
  readonly title: string;
  /** Flags of the bench; those given to the report come after them. */
  readonly flags: readonly string[];
  /** What a reader should know. */
  readonly text: string;
}

export const REPORT_PARTS: readonly ReportPart[] = [
  {
    name: 'end-to-end',
    bench: 'end-to-end',
    title: 'Throughput',
    flags: ['--rounds', '7', '--seconds', '0.4'],
    text:
      'Closed loop: every connection keeps so many commands in flight, or sends them so many to a frame ' +
      '(Redis and memcached: to a pipeline). The SDK puts what is asked for in one tick into one frame. ' +
      'The echo is the same transport with nothing behind it, so no server of this kind can be faster. ' +
      'Ratios are medians of the ratios of neighbouring rounds. The load generator shares the cores with the server. ' +
      'Processor time is what the system counts for each kind of thread, less polls that found nothing.',
  },
  {
    name: 'single-client',
    bench: 'single-client',
    title: 'Latency of a single client',
    flags: ['--rounds', '7', '--seconds', '0.4'],
    text:
      'Nothing else runs, so this is mostly what it costs to wake a thread up. On a virtual machine that is ' +
      '15 or 50 µs, as its host pleases from minute to minute, for all servers alike: compare within a round.',
  },
  {
    name: 'open-loop',
    bench: 'open-loop',
    title: 'Latency at a fixed rate',
    flags: ['--rounds', '7', '--seconds', '1'],
    text:
      'Open loop: commands are sent at half the rate that the slowest server here can take, whether or not ' +
      'earlier ones were answered, and latency counts from the instant at which a command was due. The ' +
      "generator's own lateness is contained in all figures.",
  },
  {
    name: 'scaling',
    bench: 'scaling',
    title: 'Scaling',
    flags: ['--rounds', '5', '--seconds', '0.25', '--sessions', '30000'],
    text:
      'A model, not a measurement: what other machines could do, from what a command costs each kind of thread on this one, ' +
      'and how far the model is off where it can be checked. What it is made of is at the top of `native-free-bench/scaling-model.ts`, ' +
      'what follows for a server in [OPERATING](OPERATING.md#threads-and-cores).',
  },
  {
    name: 'sdk',
    bench: 'sdk',
    title: 'The SDK',
    flags: ['--rounds', '7', '--seconds', '0.4'],
    text: 'One Node process that reads, by the SDK and by the `redis` package, each with its own pipelining.',
  },
  {
    name: 'durability',
    bench: 'durability',
    title: 'With the log on',
    flags: ['--rounds', '7', '--seconds', '0.3'],
    text: 'Writes per second by how soon they are on disk, against the same choices of Redis.',
  },
  {
    name: 'memory',
    bench: 'memory',
    title: 'Memory',
    flags: [],
    text:
      "Resident memory of the server's process over that of the empty server, and what is left when all sessions have been ended. " +
      'Before that 20,000 sessions were started and ended: what a server compiles and allocates once it is at work is no part of a session.',
  },
  {
    name: 'memory-10m',
    bench: 'memory',
    title: 'Memory, ten million sessions',
    flags: ['--sessions', '10000000', '--targets', 'sojourn,redis'],
    text: 'The same with ten times the sessions.',
  },
  {
    name: 'pauses',
    bench: 'pauses',
    title: 'Pauses',
    flags: ['--seconds', '60'],
    text:
      "How long commands wait at half load with five million sessions in memory, in the server's own histogram: " +
      'from when the I/O thread could read a command to when it sent the reply. A thread that only looks at ' +
      'the clock shows what the machine takes away.',
  },
  {
    name: 'expiry',
    bench: 'expiry',
    title: 'Expiry',
    flags: [],
    text:
      'What a million sessions that come due do to the commands of others at half load, and how late they go: ' +
      'all in the same second, and 100,000 a second while a million stay.',
  },
  {
    name: 'snapshot',
    bench: 'snapshot',
    title: 'Snapshots',
    flags: ['--rounds', '7', '--seconds', '1'],
    text: 'Latency at half load while a snapshot is written, and while none is.',
  },
  {
    name: 'recovery',
    bench: 'recovery',
    title: 'Recovery',
    flags: ['--rounds', '7'],
    text: 'From the start of the process to the first right answer.',
  },
  {
    name: 'engine',
    bench: 'engine',
    title: 'The engine alone',
    flags: ['--rounds', '7', '--seconds', '0.3', '--sessions', '100000'],
    text: 'One shard in one thread, from request ring to reply ring, with no sockets.',
  },
  {
    name: 'engine-4m',
    bench: 'engine',
    title: 'The engine alone, four million sessions',
    flags: ['--rounds', '7', '--seconds', '0.3', '--sessions', '4000000'],
    text: 'The same with forty times the sessions, few of which are in a cache.',
  },
];
