// A shop: a basket that goes when its customer has gone.
//
//   node docs/examples/shopping-basket.mjs [ws://127.0.0.1:1987] [idle seconds, 2]
//
// The basket lives as long as the customer does something with it: reading and writing restart its
// idle clock. At the till the basket must not vanish under the customer's hands, so its expiry is
// taken away; after that it is ended. A real shop would say an hour where this example says two
// seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, SessionNotFoundError } from 'sojourn/client';
import { noServer } from './support/no-server.mjs';

const url = process.argv[2] ?? 'ws://127.0.0.1:1987';
const idleSeconds = Number(process.argv[3] ?? 2);

const client = await connect(url).catch(noServer);

const EXPIRY = {
  duration: idleSeconds,
  deleteSession: true,
  extendOnSetAdd: true,
  extendOnGet: true,
};

/** The basket of a visitor: the one whose token the cookie holds, or a new one. */
async function basketOf(cookie) {
  if (cookie !== undefined && (await client.exists([cookie])).length === 1) {
    return client.session(cookie);
  }
  return client.newSession({ expiry: EXPIRY });
}

/** One key for each article: two tabs of one customer do not overwrite each other's articles. */
async function put(basket, article, count) {
  await basket.set({ [article]: count });
  const contents = await basket.getAll();
  const text = Object.entries(contents).map(([name, number]) => `${number} ${name}`);
  console.log(`basket: ${text.join(', ')}`);
}

// Anna fills her basket slowly; it takes longer than the idle time, and the basket stays.
const anna = await basketOf(undefined);
for (const [article, count] of [
  ['apples', 4],
  ['bread', 1],
  ['cheese', 2],
]) {
  await put(anna, article, count);
  await sleep(idleSeconds * 0.6 * 1_000);
}

// Otto puts something in and leaves. Anna goes to the till: her basket no longer expires.
const otto = await basketOf(undefined);
await put(otto, 'candles', 12);
await anna.expire(null);
await sleep(idleSeconds * 1_000);

console.log(`at the till: ${await anna.count()} articles`);
await anna.end();

try {
  await otto.getAll();
  console.log("Otto's basket is still there");
} catch (error) {
  if (!(error instanceof SessionNotFoundError)) throw error;
  console.log("Otto's basket is gone");
}

// Otto comes back with his old cookie and starts over.
const again = await basketOf(otto.token);
console.log(`Otto returns: ${again.token === otto.token ? 'the old' : 'a new'} basket`);
await again.end();

await client.close();
