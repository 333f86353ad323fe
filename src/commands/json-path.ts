/**
 * JSONPath (RFC 9535) by json-p3, held to a time: a query can be made to take exponential time, and
 * so can a regular expression in one, and while it runs its shard serves nobody. The engine ends
 * what runs under a timeout of node:vm, wherever it is (34 µs a run on a two-core machine of 2024).
 */
import { createContext, Script } from 'node:vm';
import { JSONPathEnvironment, JSONPathError, type JSONPathQuery } from 'json-p3';

export type { JSONPathNode, JSONPathQuery } from 'json-p3';

/** Deeper than any value nests. */
const DEPTH_MAX = 2_048;
const TIMEOUT_CODE = 'ERR_SCRIPT_EXECUTION_TIMEOUT';

const environment = new JSONPathEnvironment({ maxRecursionDepth: DEPTH_MAX });
const CANONICAL = { form: 'canonical' } as const;
const script = new Script('run()');
let job: () => void = () => undefined;
let guarded: object | undefined;

/** The query of a path, or what is wrong with the path. */
export function compilePath(path: string): JSONPathQuery | string {
  try {
    return environment.compile(path);
  } catch (error) {
    if (error instanceof JSONPathError) return error.message;
    // Parentheses within parentheses, more than the stack has room for.
    if (error instanceof RangeError) return 'it nests too deeply';
    throw error;
  }
}

/** What is run for the first time is compiled first, which must not count as the query's time. */
function warmContext(): object {
  const context = createContext({ run: () => job() });
  const query = environment.compile('$..a[0]["b", ?@.c > 1 && match(@.c, "x") || count(@.*) == 2]');
  job = () => {
    for (const node of query.lazyQuery({ a: [{ b: 1, c: { d: 'x' } }] })) node.getPath(CANONICAL);
  };
  script.runInContext(context);
  return context;
}

export type RunEnd = 'done' | 'late' | 'failed';

/**
 * Runs the work. Late: it took too long and was ended, at whatever point. Failed: the library could
 * not do it, which is no reason to end a process that serves others. What the work has written to
 * by then is void.
 */
export function runWithin(milliseconds: number, work: () => void): RunEnd {
  guarded ??= warmContext();
  job = work;
  try {
    script.runInContext(guarded, { timeout: Math.max(1, Math.floor(milliseconds)) });
    return 'done';
  } catch (error) {
    const isLate = (error as { code?: unknown } | null)?.code === TIMEOUT_CODE;
    // More within one another than the stack has room for is a run without an end, in its way.
    return isLate || error instanceof RangeError ? 'late' : 'failed';
  } finally {
    job = () => undefined;
  }
}
