/**
 * The house rules a source file can break, found in its syntax tree. Each problem is a line
 * "file:line: what to do instead". tidy.test.ts runs them on the tree and on bad samples.
 */
import { posix } from 'node:path';
import ts from 'typescript';

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/** Folder -> the folders it may import. Anything absent here is a mistake in one place or other. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/config': ['src/core'],
  'src/ring': ['src/core'],
  'src/protocol': ['src/core'],
  'src/memory': ['src/core'],
  'src/expiry': ['src/core', 'src/memory'],
  'src/state': ['src/core', 'src/memory', 'src/expiry'],
  'src/commands': ['src/core', 'src/protocol', 'src/memory', 'src/state'],
  'src/shard': [
    ...['src/core', 'src/config', 'src/protocol', 'src/ring', 'src/memory', 'src/state'],
    ...['src/commands', 'src/expiry', 'src/storage'],
  ],
  'src/storage': ['src/core', 'src/protocol', 'src/memory', 'src/state'],
  'src/io': ['src/core', 'src/config', 'src/protocol', 'src/ring'],
  'src/client': ['src/core', 'src/protocol'],
  'src/server': ['src/core', 'src/config', 'src/ring', 'src/storage'],
  'src/cli': [
    ...['src/core', 'src/config', 'src/client', 'src/protocol', 'src/server', 'src/storage'],
    ...['src/state', 'src/memory'],
  ],
  workers: ['src/core', 'src/config', 'src/ring', 'src/shard', 'src/io', 'src/storage'],
};

/** What a folder may import beside that, if only for types. */
const TYPE_LAYERS: Readonly<Record<string, readonly string[]>> = {
  'src/config': ['src/storage'],
  'src/server': ['src/io'],
};

/** They run in browsers, too. */
const BROWSER_LAYERS = ['src/core', 'src/protocol', 'src/client'];
const NODE_ONLY_FILES = ['src/client/socket-node.ts'];

/** They run in the shard's loop, which never returns to the event loop. */
const SHARD_LAYERS = ['src/shard', 'src/state', 'src/memory', 'src/commands', 'src/expiry'];

/** Package -> the files or folders that may import it. */
const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  'uWebSockets.js': ['src/io/transport-uws.ts'],
  ws: ['src/io/transport-ws.ts', 'src/client/socket-node.ts', 'src/cli/'],
};

const CLOCKS = ['Date.now', 'performance.now', 'performance.timeOrigin', 'process.hrtime'];
const CLOCK_FILE = 'src/core/clock.ts';
const ENVIRONMENT_FILE = 'src/config/load.ts';

/** `TODO #12` says where the rest is written; a bare one is forgotten. */
const TODO = /\b(?:TODO|FIXME|XXX)\b(?!\W{0,2}#\d)/;

/** @param path from the root of the project, with forward slashes. */
export function problemsInSource(path: string, text: string): string[] {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const problems: string[] = [];
  const lineOf = (at: number): number => tree.getLineAndCharacterOfPosition(at).line + 1;
  const report = (node: ts.Node, problem: string | undefined): void => {
    if (problem !== undefined) problems.push(`${path}:${lineOf(node.getStart(tree))}: ${problem}`);
  };

  const visit = (node: ts.Node): void => {
    const imported = importOf(node);
    if (imported !== undefined) report(node, importProblem(path, imported));
    if (isFunction(node)) {
      report(node, lengthProblem(lineOf(node.end) - lineOf(node.getStart(tree)) + 1));
      report(node, asyncProblem(path, node));
    }
    if (ts.isAwaitExpression(node)) report(node, awaitProblem(path));
    if (ts.isPropertyAccessExpression(node)) report(node, accessProblem(path, node));
    if (ts.isNewExpression(node)) report(node, dateProblem(path, node));
    if (ts.isIdentifier(node)) report(node, bufferProblem(path, node));
    ts.forEachChild(node, visit);
  };
  if (layerOf(path) in LAYERS) visit(tree);
  else if (/^(src|workers)\//.test(path)) report(tree, 'no such layer; name it in LAYERS');

  text.split('\n').forEach((line, index) => {
    if (TODO.test(line)) problems.push(`${path}:${index + 1}: give the TODO an issue: TODO #12`);
  });
  const lines = text.split('\n').length - 1;
  if (lines > FILE_LINES_MAX) report(tree, `file of ${lines} lines; split it by what it does`);
  return problems;
}

function layerOf(path: string): string {
  const [top = '', folder = ''] = path.split('/');
  return top === 'src' ? `src/${folder}` : top;
}

interface Import {
  readonly name: string;
  readonly isTypeOnly: boolean;
}

function importOf(node: ts.Node): Import | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const clause = node.importClause;
    const bindings = clause?.namedBindings;
    const areAllTypes =
      clause?.name === undefined &&
      bindings !== undefined &&
      ts.isNamedImports(bindings) &&
      bindings.elements.every((element) => element.isTypeOnly);
    const isTypeOnly = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword || areAllTypes;
    return { name: node.moduleSpecifier.text, isTypeOnly };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    const { moduleSpecifier, isTypeOnly } = node;
    return ts.isStringLiteral(moduleSpecifier)
      ? { name: moduleSpecifier.text, isTypeOnly }
      : undefined;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [name] = node.arguments;
    return name !== undefined && ts.isStringLiteral(name)
      ? { name: name.text, isTypeOnly: false }
      : undefined;
  }
  return undefined;
}

function importProblem(path: string, { name, isTypeOnly }: Import): string | undefined {
  const layer = layerOf(path);
  const homes = PACKAGE_HOMES[name];
  if (homes !== undefined && !isTypeOnly && !homes.some((home) => path.startsWith(home))) {
    return `import ${name} only in ${homes.join(', ')}`;
  }
  if (name.startsWith('node:') && isForBrowsers(path)) {
    return `${layer} also runs in browsers; it may not import ${name}`;
  }
  if (!name.startsWith('.')) return undefined;
  const target = layerOf(posix.join(posix.dirname(path), name));
  if (target === layer || LAYERS[layer]?.includes(target) === true) return undefined;
  if (isTypeOnly && TYPE_LAYERS[layer]?.includes(target) === true) return undefined;
  return `${layer} may not import ${target}`;
}

function isForBrowsers(path: string): boolean {
  return BROWSER_LAYERS.includes(layerOf(path)) && !NODE_ONLY_FILES.includes(path);
}

function isFunction(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

function lengthProblem(lines: number): string | undefined {
  return lines > FUNCTION_LINES_MAX ? `function of ${lines} lines; split it` : undefined;
}

function asyncProblem(path: string, node: ts.FunctionLikeDeclaration): string | undefined {
  if (!SHARD_LAYERS.includes(layerOf(path))) return undefined;
  const isAsync = (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Async) !== 0;
  return isAsync ? 'the shard thread never awaits; make it synchronous' : undefined;
}

function awaitProblem(path: string): string | undefined {
  return SHARD_LAYERS.includes(layerOf(path)) ? 'the shard thread never awaits' : undefined;
}

function accessProblem(path: string, node: ts.PropertyAccessExpression): string | undefined {
  const text = node.getText().replace(/^globalThis\./, '');
  if (text === 'process.env' && path !== ENVIRONMENT_FILE) {
    return `read process.env only in ${ENVIRONMENT_FILE}`;
  }
  if (CLOCKS.includes(text) && path !== CLOCK_FILE) return `take the time from a Clock`;
  if (text !== 'Math.random') return undefined;
  if (layerOf(path) !== 'src/client') return 'Math.random is no source of chance here';
  const isCalled = ts.isCallExpression(node.parent) && node.parent.expression === node;
  return isCalled ? 'take Math.random as a parameter, so that a test can choose' : undefined;
}

function dateProblem(path: string, node: ts.NewExpression): string | undefined {
  const isNow = node.expression.getText() === 'Date' && (node.arguments ?? []).length === 0;
  return isNow && path !== CLOCK_FILE ? 'take the time from a Clock' : undefined;
}

function bufferProblem(path: string, node: ts.Identifier): string | undefined {
  if (!isForBrowsers(path) || node.text !== 'Buffer') return undefined;
  return `${layerOf(path)} also runs in browsers; they have no Buffer`;
}
