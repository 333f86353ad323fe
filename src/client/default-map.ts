/**
 * The default map: the one map that every server has, needs no token and never expires. Beside the
 * data commands it can be saved and loaded as a whole.
 */
import type { ResultOf } from '../protocol/catalogue.js';
import { planOf } from './command-plan.js';
import { DataMap } from './data-map.js';
import type { Pipeline } from './pipeline.js';

const SAVE = planOf('KV_SAVE');
const LOAD = planOf('KV_LOAD');

const unchanged = <Result>(result: Result): Result => result;

/** The map that every server has; see {@link Client.defaultMap}. */
export class DefaultMap<Shape extends object = Record<string, unknown>> extends DataMap<Shape> {
  readonly #pipeline: Pipeline;

  /** @internal */
  constructor(pipeline: Pipeline) {
    super(pipeline, undefined);
    this.#pipeline = pipeline;
  }

  /** Saves the map as a new set under a name; see Client.save for names. */
  save(name: string): Promise<ResultOf<'KV_SAVE'>> {
    return this.#pipeline.submit(SAVE, undefined, { name }, unchanged);
  }

  /** Stores the keys of the newest set of the name; keys that it does not hold stay as they are. */
  load(name: string): Promise<ResultOf<'KV_LOAD'>> {
    return this.#pipeline.submit(LOAD, undefined, { name }, unchanged);
  }
}
