// A pizza service whose customers see their rider move.
//
//   node docs/examples/pizza-tracker/server.mjs [ws://127.0.0.1:1987] [--port 8080] [--speed 1]
//
// After `npm run build`. Starts a Sojourn of its own where no address is given. Open the address that
// it prints.
//
// Each order has a session of its own for its customer: status, minutes left, where the rider is.
// The kitchen writes to it, the page watches it, and nobody polls. The page talks to Sojourn itself,
// with the SDK: the token that it gets for its order opens that one session and nothing else. As it
// would let the customer write, too, the session holds only what the customer is to see; the
// kitchen's own books are elsewhere. A real service would serve all this over https and wss.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connect } from 'sojourn/client';
import { noServer } from '../support/no-server.mjs';
import { deliver, takeOrder } from './kitchen.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string', default: '8080' },
    speed: { type: 'string', default: '1' },
  },
});
const speed = Number(values.speed);
const url = positionals[0] ?? (await startSojourn());
const client = await connect(url).catch(noServer);

// The SDK is a handful of modules. The page's import map says where they are, and that on the
// WebSocket of browsers is to be used; a bundler finds the same in package.json by itself.
const FOLDERS = {
  '/': new URL('page/', import.meta.url),
  '/sdk/': new URL('../../../dist/src/', import.meta.url),
  '/msgpackr/': new URL('./', import.meta.resolve('msgpackr')),
};
const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Starts `sojourn serve` beside this program; its address. */
async function startSojourn() {
  const main = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));
  const flags = ['serve', '--memory', '--port', '0'];
  const child = spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'pipe', 'ignore'] });
  process.on('exit', () => child.kill());
  for await (const text of child.stdout) {
    const ready = /sojourn ready (\S+)/.exec(String(text));
    if (ready !== null) return ready[1];
  }
  throw new Error('Sojourn did not start');
}

/** Takes an order and lets it be delivered; what its page has to know. */
async function order() {
  const session = await takeOrder(client, 'Quattro Stagioni', 'Mill Lane 7');
  deliver(session, speed).catch((error) => console.error(error.message));
  return { url, token: session.token };
}

/** A file below one of the folders; undefined for anything else. */
async function fileOf(path) {
  const prefix = Object.keys(FOLDERS).findLast((each) => path.startsWith(each));
  const folder = FOLDERS[prefix].href;
  const file = new URL(path.slice(prefix.length) || 'index.html', folder);
  const type = TYPES[extname(file.pathname)];
  if (type === undefined || !file.href.startsWith(folder)) return undefined;
  const body = await readFile(file).catch(() => undefined);
  return body && { type, body };
}

const server = createServer(async (request, response) => {
  if (request.method === 'POST' && request.url === '/orders') {
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    response.writeHead(201, headers).end(JSON.stringify(await order()));
    return;
  }
  const file = request.method === 'GET' ? await fileOf(request.url.split('?')[0]) : undefined;
  if (file === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': file.type }).end(file.body);
});
server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`pizza tracker at http://127.0.0.1:${server.address().port}/`);
});

process.once('SIGTERM', stop).once('SIGINT', stop);

async function stop() {
  server.close();
  server.closeAllConnections();
  await client.close(0);
  process.exit(0);
}
