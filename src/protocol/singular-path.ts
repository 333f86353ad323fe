/**
 * JSONPaths that name one place, such as $.a['b'][0], as JSON pointers. Old clients update by the
 * former; SH_UPDATE takes the latter.
 */

/** One step: .name, [index], ['name'] or ["name"], without escapes. */
const STEP = /\.([\p{L}_][\p{L}\p{N}_]*)|\[(0|[1-9]\d*)\]|\['([^'\\]*)'\]|\["([^"\\]*)"\]/uy;

/** The JSON pointer to the place that the path names; undefined if it names not just one. */
export function pointerFromPath(path: string): string | undefined {
  if (!path.startsWith('$')) return undefined;
  let pointer = '';
  STEP.lastIndex = 1;
  while (STEP.lastIndex < path.length) {
    const step = STEP.exec(path);
    if (step === null) return undefined;
    const name = step.slice(1).find((each) => each !== undefined) ?? '';
    pointer += `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  }
  return pointer;
}
