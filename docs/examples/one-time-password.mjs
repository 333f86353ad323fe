// One-time passwords: a code lives two seconds, and works once.
//
//   node docs/examples/one-time-password.mjs [ws://127.0.0.1:1987]
//
// Each code is a session of its own. The page that asks for the code holds the session's token; the
// code itself goes to the customer by mail. Nobody has to clean up: at its deadline the session is
// gone, to the millisecond, whether or not anyone looks. Whoever guesses has three attempts: they are
// counted in the session itself, exactly, however many requests come at once.
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, SessionNotFoundError } from 'sojourn/client';
import { noServer } from './support/no-server.mjs';

const url = process.argv[2] ?? 'ws://127.0.0.1:1987';
const LIFE_SECONDS = 2;
const ATTEMPTS_MAX = 3;

const client = await connect(url).catch(noServer);

/** Makes a code; gives the code, for the mail, and the token, for the page that will ask for it. */
async function issue(account) {
  const code = String(randomInt(1_000_000)).padStart(6, '0');
  const session = await client.newSession({
    expiry: { duration: LIFE_SECONDS, deleteSession: true },
    keys: { account, code },
  });
  return { code, token: session.token };
}

/** The account if the code is right, in time and used for the first time; else undefined. */
async function verify(token, typed) {
  const session = client.session(token);
  try {
    // One step: no request can look at the code without being counted.
    const [attempts, { account, code }] = await session.batch((b) => [
      b.inc('attempts'),
      b.getMany(['account', 'code']),
    ]);
    if (attempts > ATTEMPTS_MAX || code !== typed) return undefined;
    // Of two requests with the right code, one gets to take it.
    const taken = await session.take(['code']);
    if (taken.code === undefined) return undefined;
    await session.end();
    return account;
  } catch (error) {
    if (error instanceof SessionNotFoundError) return undefined;
    throw error;
  }
}

const describe = (account) => (account === undefined ? 'refused' : `welcome, ${account}`);

// In time: once it works, twice it does not.
const first = await issue('mia');
console.log(`wrong code: ${describe(await verify(first.token, 'abcdef'))}`);
console.log(`right code: ${describe(await verify(first.token, first.code))}`);
console.log(`same code again: ${describe(await verify(first.token, first.code))}`);

// Two requests at once: one of them wins.
const second = await issue('tom');
const race = await Promise.all([
  verify(second.token, second.code),
  verify(second.token, second.code),
]);
console.log(`two requests at once: ${race.filter((account) => account === 'tom').length} accepted`);

// Guessing: the fourth attempt comes too late, though it is right.
const guessed = await issue('kim');
for (const typed of ['a', 'b', 'c']) await verify(guessed.token, typed);
console.log(`after three guesses: ${describe(await verify(guessed.token, guessed.code))}`);

// Too late.
const third = await issue('eva');
await sleep(LIFE_SECONDS * 1_000);
console.log(`after ${LIFE_SECONDS} seconds: ${describe(await verify(third.token, third.code))}`);

// How exact is that? Ask until the session is gone. Asking does not prolong its life.
const startMs = performance.now();
const { token } = await issue('ben');
const session = client.session(token);
let lastSeenMs = startMs;
try {
  for (;;) {
    const askedMs = performance.now();
    await session.get('account');
    lastSeenMs = askedMs;
    await sleep(1);
  }
} catch (error) {
  if (!(error instanceof SessionNotFoundError)) throw error;
}
const goneSeconds = (performance.now() - startMs) / 1_000;
const seenSeconds = (lastSeenMs - startMs) / 1_000;
console.log(`last seen after ${seenSeconds.toFixed(3)} s, gone after ${goneSeconds.toFixed(3)} s`);

await client.close();
