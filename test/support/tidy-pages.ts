/** The house rules a Markdown page can break: one title, and no link to a file that is not there. */
import { posix } from 'node:path';

const FENCE = /^\s*(```|~~~)/;
const LINK = /\]\(\s*<?([^)\s>]+)/g;
const ELSEWHERE = /^(?:[a-z][a-z+.-]*:|#)/i;

/**
 * @param path from the root of the project, with forward slashes.
 * @param exists whether there is a file or folder at such a path.
 */
export function problemsInPage(
  path: string,
  text: string,
  exists: (path: string) => boolean,
): string[] {
  const problems: string[] = [];
  const titles: number[] = [];
  let isCode = false;
  text.split('\n').forEach((line, index) => {
    if (FENCE.test(line)) isCode = !isCode;
    if (isCode) return;
    if (line.startsWith('# ')) titles.push(index + 1);
    for (const [, link = ''] of line.replace(/`[^`]*`/g, '').matchAll(LINK)) {
      if (ELSEWHERE.test(link)) continue;
      const target = posix.join(posix.dirname(path), decodeURI(link.replace(/[?#].*$/, '')));
      if (!exists(target)) problems.push(`${path}:${index + 1}: the link leads nowhere: ${link}`);
    }
  });
  if (titles.length === 0) problems.push(`${path}:1: start the page with one "# " title`);
  for (const line of titles.slice(1)) problems.push(`${path}:${line}: a page has one "# " title`);
  return problems;
}
