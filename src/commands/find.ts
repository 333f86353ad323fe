/**
 * SH_FIND: applies a JSONPath to the value of each key, and answers the names of the keys with
 * something found, these keys with their values, or the normalized paths of all that was found.
 *
 * Errors   4 no JSONPath, 13 an unknown rsp, 42 an empty path or a very long one
 * Refused  100, 204 over --max-find-bytes or --max-find-seconds
 */
import { STATUSES } from '../core/statuses.js';
import { JsonCursor } from '../protocol/json-cursor.js';
import { arrayHeaderBytes, mapHeaderBytes, strBytes } from '../protocol/msgpack-put.js';
import type { SessionKeys } from '../state/session-keys.js';
import type { Command, CommandContext } from './command.js';
import {
  compilePath,
  type JSONPathNode,
  type JSONPathQuery,
  type RunEnd,
  runWithin,
} from './json-path.js';
import { FoundPairs } from './found-pairs.js';
import { KEYS, PATHS } from './names.js';
import { parameterIndex } from './parameters.js';
import { StoredPair } from './stored-pair.js';
import { jsonAt } from './value-json.js';

const OK = STATUSES.OK.code;
const KEYS_PARAMETER = parameterIndex('SH_FIND', 'keys');
const PATH_PARAMETER = parameterIndex('SH_FIND', 'path');
const RSP_PARAMETER = parameterIndex('SH_FIND', 'rsp');
/** Bounds the work of reading a path, which is done before the session is looked for. */
const PATH_BYTES_MAX = 4_096;
/**
 * The time limit is one of the wall clock: a machine that has no core for the thread can use it up
 * alone. A search as small as this, some milliseconds at most, gets two goes of half the time, so
 * that it fails for its query only, and its shard is held up no longer.
 */
const SMALL_BYTES_MAX = 16_384;
const FORMS = ['keys', 'paths', 'kv'];
const CANONICAL = { form: 'canonical' } as const;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const searched = new FoundPairs();
const stored = new StoredPair();
/** Of the command being run: what validate() made of its path and rsp. */
let query: JSONPathQuery | undefined;
let form = '';

export const find: Command = {
  name: 'SH_FIND',
  needs: 'session',
  grows: false,
  changes: false,

  validate(context) {
    const { body } = context;
    const bytes = body.textBytes(PATH_PARAMETER);
    if (bytes === 0 || bytes > PATH_BYTES_MAX) {
      body.detail = `path must have 1 to ${PATH_BYTES_MAX} bytes`;
      return STATUSES.WRONG_VALUE.code;
    }
    const compiled = body.isUtf8(PATH_PARAMETER)
      ? compilePath(textOf(context, PATH_PARAMETER))
      : 'it is not UTF-8';
    if (typeof compiled === 'string') {
      body.detail = 'path must be a JSONPath as of RFC 9535';
      return STATUSES.BAD_PATH.code;
    }
    query = compiled;
    form = textOf(context, RSP_PARAMETER);
    if (FORMS.includes(form)) return OK;
    body.detail = 'rsp must be keys, paths or kv';
    return STATUSES.BAD_SYNTAX.code;
  },

  execute(context, row) {
    const { limits } = context;
    if (!gather(context, row)) {
      refuse(context, `SH_FIND looks into at most ${limits.findBytesMax} bytes`);
      return;
    }
    // One millisecond is the least that a go can have.
    const isSmall = searched.bytes <= SMALL_BYTES_MAX && limits.findMsMax >= 2;
    const goMs = isSmall ? limits.findMsMax / 2 : limits.findMsMax;
    let search = new Search(context);
    let end = search.run(query!, goMs);
    if (end === 'late' && isSmall) {
      search = new Search(context);
      end = search.run(query!, goMs);
    }
    if (end === 'failed') {
      context.reply.bare(STATUSES.INTERNAL.code);
    } else if (end === 'late') {
      refuse(context, `SH_FIND runs for at most ${limits.findMsMax} ms`);
    } else if (search.pathBytes > limits.findBytesMax) {
      refuse(context, `SH_FIND answers at most ${limits.findBytesMax} bytes`);
    } else if (form === 'paths') {
      replyPaths(context, search.paths);
    } else {
      replyPairs(context, search.matches);
    }
  },
};

/** What the query finds in the pairs that are searched. */
class Search {
  /** Of the pairs with something found, which of those searched. */
  readonly matches: number[] = [];
  readonly paths: string[] = [];
  pathBytes = 0;
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  run(compiled: JSONPathQuery, milliseconds: number): RunEnd {
    if (searched.count === 0) return 'done';
    return runWithin(milliseconds, () => this.#searchAll(compiled));
  }

  #searchAll(compiled: JSONPathQuery): void {
    const max = this.#context.limits.findBytesMax;
    for (let index = 0; index < searched.count && this.pathBytes <= max; index += 1) {
      stored.takePlace(this.#context.state.keys, searched, index);
      const nodes = compiled.lazyQuery(jsonAt(cursorOf(stored)));
      if (form === 'paths') this.#addPaths(nodes, max);
      else if (nodes.next().done !== true) this.matches.push(index);
    }
  }

  #addPaths(nodes: Iterable<JSONPathNode>, max: number): void {
    for (const node of nodes) {
      const path = node.getPath(CANONICAL);
      this.paths.push(path);
      this.pathBytes += path.length;
      if (this.pathBytes > max) return;
    }
  }
}

function cursorOf({ space, valueAt, end }: StoredPair): JsonCursor {
  return new JsonCursor(space.bytes.subarray(valueAt, end));
}

/** Notes the pairs to search; false if they are too many bytes. */
function gather({ body, state: { keys }, limits }: CommandContext, row: number): boolean {
  searched.clear();
  if (!body.has(KEYS_PARAMETER)) {
    keys.walk(row);
    while (searched.bytes <= limits.findBytesMax && keys.next()) addFound(keys);
    return searched.bytes <= limits.findBytesMax;
  }
  const list = body.keys;
  for (let index = 0; index < list.count; index += 1) {
    if (keys.find(row, body.space, list.keyAt(index), list.keyBytes(index))) addFound(keys);
  }
  return searched.bytes <= limits.findBytesMax;
}

function addFound(keys: SessionKeys): void {
  searched.add(keys.foundPointer, keys.foundAt, keys.foundBytes);
}

function refuse(context: CommandContext, detail: string): void {
  context.countFindLimit();
  context.reply.refuse(STATUSES.TOO_LARGE.code, detail);
}

function replyPaths({ reply }: CommandContext, paths: readonly string[]): void {
  const texts = paths.map((path) => encoder.encode(path));
  let bytes = arrayHeaderBytes(texts.length);
  for (const text of texts) bytes += strBytes(text.length);
  reply.begin(OK, 1 + PATHS.bytes.length + bytes);
  reply.map(1);
  reply.constant(PATHS);
  reply.array(texts.length);
  for (const text of texts) reply.text(text);
  reply.end();
}

/** The pairs, or only their keys. */
function replyPairs({ state: { keys }, reply }: CommandContext, matches: readonly number[]): void {
  const isWhole = form === 'kv';
  // Headers of maps and arrays have the same size.
  let bytes = mapHeaderBytes(matches.length);
  for (const index of matches) {
    bytes += isWhole ? searched.pairBytes(index) : keyBytesOf(keys, index);
  }
  reply.begin(OK, 1 + KEYS.bytes.length + bytes);
  reply.map(1);
  reply.constant(KEYS);
  if (isWhole) reply.map(matches.length);
  else reply.array(matches.length);
  for (const index of matches) {
    if (isWhole) {
      const pairBytes = searched.pairBytes(index);
      const [pointer, at] = [searched.pointer(index), searched.at(index)];
      keys.copyPair(reply.space, reply.at, pointer, at, pairBytes);
      reply.at += pairBytes;
    } else {
      const keyBytes = keyBytesOf(keys, index);
      keys.copyFoundKey(reply.space, reply.at, keyBytes);
      reply.at += keyBytes;
    }
  }
  reply.end();
}

/** Stands on the pair again. @returns bytes of its key, header included. */
function keyBytesOf(keys: SessionKeys, index: number): number {
  keys.foundPointer = searched.pointer(index);
  keys.foundAt = searched.at(index);
  keys.foundBytes = searched.pairBytes(index);
  return keys.foundKeyBytes();
}

function textOf({ body }: CommandContext, parameter: number): string {
  // A copy: the body may lie in a ring, and what reads text wants memory that is not shared.
  const { bytes } = body.space;
  return decoder.decode(bytes.slice(body.textAt(parameter), body.endOf(parameter)));
}
