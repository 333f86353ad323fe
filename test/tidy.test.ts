/**
 * The house rules that a machine can check, so that no review need. Each rule is first shown a
 * sample that breaks it: one that cannot fail would not be noticed otherwise. Grow it by "the
 * second time a reviewer says it, tidy says it".
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { problemsInPage } from './support/tidy-pages.js';
import { problemsInSource } from './support/tidy-source.js';

const ROOT = resolve(import.meta.dirname, '..');

/** Paths from the root, with forward slashes. */
function filesIn(folder: string, extension: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => `${folder}/${name.split(sep).join('/')}`);
}

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

describe('the project', () => {
  test('has sources that follow the house rules', () => {
    const paths = ['src', 'workers', 'native-free-bench'].flatMap((folder) =>
      filesIn(folder, '.ts'),
    );
    expect(paths.length).toBeGreaterThan(30);
    expect(paths.flatMap((path) => problemsInSource(path, textOf(path)))).toEqual([]);
  });

  test('has pages that follow the house rules', () => {
    const pages = filesIn('docs', '.md').filter((path) => !path.startsWith('docs/api/'));
    const paths = ['README.md', ...pages];
    expect(paths.length).toBeGreaterThan(3);
    const exists = (path: string): boolean => existsSync(join(ROOT, path));
    expect(paths.flatMap((path) => problemsInPage(path, textOf(path), exists))).toEqual([]);
  });
});

const SHARD_FILES = [
  ...['src/shard/a.ts', 'src/state/a.ts', 'src/memory/a.ts', 'src/commands/a.ts'],
  'src/expiry/a.ts',
];
const BROWSER_FILES = ['src/core/a.ts', 'src/protocol/a.ts', 'src/client/a.ts'];

describe('problemsInSource', () => {
  test.each([
    ['src/core/a.ts', `import { b } from '../protocol/b.js';`],
    ['src/config/a.ts', `import { b } from '../ring/b.js';`],
    ['src/protocol/a.ts', `import { b } from '../state/b.js';`],
    ['src/expiry/a.ts', `import { b } from '../state/b.js';`],
    ['src/state/a.ts', `import { b } from '../commands/b.js';`],
    ['src/commands/a.ts', `import type { b } from '../shard/b.js';`],
    ['src/shard/a.ts', `import { b } from '../io/b.js';`],
    ['src/io/a.ts', `import { b } from '../shard/b.js';`],
    ['src/io/a.ts', `export { b } from '../state/b.js';`],
    ['src/io/a.ts', `export * from '../state/b.js';`],
    ['src/client/a.ts', `const b = await import('../io/b.js');`],
    ['src/server/a.ts', `import { b } from '../io/b.js';`],
    ['src/server/a.ts', `import { type b, c } from '../io/b.js';`],
    ['src/cli/a.ts', `import { b } from '../io/b.js';`],
    ['workers/a.ts', `import { b } from '../src/state/b.js';`],
    ['src/io/deep/a.ts', `import { b } from '../../state/b.js';`],
  ])('refuses in %s: %s', (path, text) => {
    expect(problemsInSource(path, text)).toEqual([expect.stringContaining('may not import')]);
  });

  test.each([
    ['src/shard/a.ts', `import { b } from '../commands/b.js';`],
    ['src/shard/a.ts', `import { b } from './b.js';`],
    ['src/server/a.ts', `import type { b } from '../io/b.js';`],
    ['src/server/a.ts', `import { type b, type c } from '../io/b.js';`],
    ['src/client/a.ts', `import { openSocket } from '#websocket';`],
    ['src/client/socket-node.ts', `import { WebSocket } from 'ws'; let b: Buffer;`],
    ['src/cli/call.ts', `import { WebSocket } from 'ws';`],
    ['src/io/transport-uws.ts', `import uws from 'uWebSockets.js';`],
    ['src/io/transport.ts', `import type { WebSocket } from 'uWebSockets.js';`],
    ['src/config/load.ts', `const home = process.env.HOME;`],
    ['src/core/clock.ts', `const ms = Date.now() + performance.now();`],
    ['src/io/a.ts', `const day = new Date(0); setTimeout(f, 1);`],
    ['src/io/a.ts', `async function f() { await g(); }`],
    ['src/client/a.ts', `const options = { random: Math.random };`],
    ['native-free-bench/a.ts', `const ms = performance.now(); import '../src/io/b.js';`],
    ['src/io/a.ts', `// TODO #12: the rest`],
    ['src/io/a.ts', `// TODO(#12): the rest`],
  ])('has nothing against %s: %s', (path, text) => {
    expect(problemsInSource(path, text)).toEqual([]);
  });

  test.each([
    ['src/elsewhere/a.ts', '', 'no such layer'],
    ['src/io/a.ts', `import uws from 'uWebSockets.js';`, 'import uWebSockets.js only in'],
    ['src/io/transport-uws.ts', `import { WebSocket } from 'ws';`, 'import ws only in'],
    ['src/io/a.ts', `await import('ws');`, 'import ws only in'],
    ['src/io/a.ts', `const home = process.env.HOME;`, 'process.env'],
    ['src/io/a.ts', `const home = process.env['HOME'];`, 'process.env'],
    ['src/io/a.ts', `const ms = Date.now();`, 'Clock'],
    ['src/io/a.ts', `const ms = globalThis.performance.now();`, 'Clock'],
    ['src/io/a.ts', `const read = performance.now;`, 'Clock'],
    ['workers/a.ts', `const ns = process.hrtime.bigint();`, 'Clock'],
    ['src/io/a.ts', `const day = new Date();`, 'Clock'],
    ['src/io/a.ts', `const x = Math.random();`, 'Math.random'],
    ['src/io/a.ts', `const options = { random: Math.random };`, 'Math.random'],
    ['src/client/a.ts', `const x = Math.random();`, 'Math.random'],
    ['src/io/a.ts', `// TODO: the rest`, 'TODO'],
    ['src/io/a.ts', `/* FIXME later, see 12 */`, 'TODO'],
  ])('refuses in %s: %s', (path, text, problem) => {
    expect(problemsInSource(path, text)).toEqual([expect.stringContaining(problem)]);
  });

  test.each(SHARD_FILES)('refuses anything asynchronous in %s', (path) => {
    const samples = [
      `async function f() {}`,
      `const f = async () => {};`,
      `class A { async f() {} }`,
      `const a = { async *f() {} };`,
      `await f();`,
    ];
    for (const text of samples) {
      expect(problemsInSource(path, text)).toEqual([expect.stringContaining('never awaits')]);
    }
  });

  test.each(BROWSER_FILES)('refuses what browsers lack in %s', (path) => {
    const samples = [
      `import { f } from 'node:fs';`,
      `import type { Worker } from 'node:worker_threads';`,
      `const bytes = Buffer.from('a');`,
    ];
    for (const text of samples) {
      expect(problemsInSource(path, text)).toEqual([expect.stringContaining('browsers')]);
    }
  });

  test.each(['src/io/a.ts', 'workers/a.ts', 'native-free-bench/a.ts'])(
    'refuses a file of more than 400 lines in %s',
    (path) => {
      expect(problemsInSource(path, 'f();\n'.repeat(400))).toEqual([]);
      const problem = expect.stringContaining('file of 401 lines') as string;
      expect(problemsInSource(path, 'f();\n'.repeat(401))).toEqual([problem]);
    },
  );

  test.each(['function f()', 'const f = () =>', 'const f = function ()'])(
    'refuses more than 70 lines of %s',
    (head) => {
      const textOfLines = (lines: number): string =>
        `${head} {\n${'  g();\n'.repeat(lines - 2)}}\n`;
      expect(problemsInSource('src/io/a.ts', textOfLines(70))).toEqual([]);
      const problem = expect.stringContaining('function of 71 lines') as string;
      expect(problemsInSource('src/io/a.ts', textOfLines(71))).toEqual([problem]);
    },
  );

  test('tells the line', () => {
    expect(problemsInSource('src/io/a.ts', 'f();\n\ng(Date.now());\n')).toEqual([
      'src/io/a.ts:3: take the time from a Clock',
    ]);
  });
});

describe('problemsInPage', () => {
  const exists = (path: string): boolean => ['docs/b.md', 'src/c.ts', 'README.md'].includes(path);

  test.each([
    ['no title', 'Text.\n', 'start the page'],
    ['two titles', '# One\n\n# Two\n', 'has one'],
    ['a title within code only', '```\n# One\n```\n', 'start the page'],
    ['a link to a page that is not there', '# A\n[x](nowhere.md)\n', 'leads nowhere'],
    ['a link out of its folder', '# A\n[x](../docs/nowhere.md#part)\n', 'leads nowhere'],
    ['an image that is not there', '# A\n![x](picture.png "a title")\n', 'leads nowhere'],
  ])('refuses %s', (_, text, problem) => {
    expect(problemsInPage('docs/a.md', text, exists)).toEqual([expect.stringContaining(problem)]);
  });

  test('has nothing against links that lead somewhere', () => {
    const links = '[b](b.md) [c](../src/c.ts) [r](../README.md#x) [here](#part) [w](https://a.b/c)';
    const text = `# A\n\n## Part\n${links}\n\`[code](not-a-link.md)\`\n~~~\n[x](code.md)\n# x\n~~~\n`;
    expect(problemsInPage('docs/a.md', text, exists)).toEqual([]);
  });
});
