/** What a server takes of a closed loop, to find a part of it for an open one. */
import { Load, SHAPES } from './load.js';
import type { Operation, Protocol } from './protocol.js';
import { buildTape } from './tape.js';

const SHAPE = SHAPES[1]!;

export interface FullLoadOptions {
  readonly port: number;
  readonly protocol: Protocol;
  readonly tokens: Buffer;
  readonly connections: number;
  /** Of each operation, beside half as much to warm up. */
  readonly seconds: number;
}

/** Commands per second, reads and writes in equal parts, in a closed loop. */
export async function fullLoad(options: FullLoadOptions): Promise<number> {
  const { port, protocol, tokens, connections, seconds } = options;
  const load = await Load.open(port, protocol, connections);
  const rateOf = async (operation: Operation): Promise<number> => {
    const tape = buildTape({ protocol, operation, perMessage: 1, tokens });
    const window = { warmSeconds: seconds / 2, seconds, pid: undefined };
    const result = await load.run(SHAPE, tape, window);
    return result.commands / result.seconds;
  };
  const [get, set] = [await rateOf('get'), await rateOf('set')];
  load.close();
  return 2 / (1 / get + 1 / set);
}
