// The devices on which a user is signed in: a session for each, all of one owner.
//
//   node docs/examples/signed-in-devices.mjs [ws://127.0.0.1:1987]
//
// The list shows public ids, never tokens: it tells what may be signed out, and opens nothing. When
// a session gains rights, its token is replaced, so that a copy taken before is worth nothing; if
// anyone still uses the copy, it is known that there is one.
import { connect, TokenReusedError } from 'sojourn/client';
import { noServer } from './support/no-server.mjs';

const url = process.argv[2] ?? 'ws://127.0.0.1:1987';
const client = await connect(url).catch(noServer);

// Another program keeps guard. The feed begins at the call, and is read below.
const guard = await connect(url).catch(noServer);
const alarms = guard.events({ kinds: ['reused'] });
await guard.ping();

/** Whose session it is, is said when it starts. Which device it is, is the session's own business. */
const signIn = (owner, device) =>
  client.newSession({ owner, keys: { device }, expiry: { duration: 3_600 } });

const [laptop, phone, tablet] = await Promise.all(
  ['laptop', 'phone', 'tablet'].map((device) => signIn('mia', device)),
);
const deviceById = new Map([
  [laptop.id, 'laptop'],
  [phone.id, 'phone'],
  [tablet.id, 'tablet'],
]);

async function devicesOf(owner) {
  const sessions = await client.list(owner);
  return sessions.map(({ id }) => deviceById.get(id)).sort();
}
console.log(`mia uses: ${(await devicesOf('mia')).join(', ')}`);

// Mia has lost her tablet, and signs it out by its id.
await client.endId('mia', tablet.id);
console.log(`without the tablet: ${(await devicesOf('mia')).join(', ')}`);

// She pays: the laptop's session gets another token. A page that is still loading may come with the
// old one, for a fifth of a second.
const copy = laptop.token;
await laptop.rotate({ grace: 0.2 });
deviceById.set(laptop.id, 'laptop');
console.log(
  `paying on the laptop: the session has ${copy === laptop.token ? 'the same' : 'another'} token now`,
);
console.log(`a page that was still loading: ${await client.session(copy).get('device')}`);

// A thief tries the copy until the grace is over.
try {
  for (;;) await client.session(copy).get('device');
} catch (error) {
  if (!(error instanceof TokenReusedError)) throw error;
  console.log(`the stolen token: ${error.help}`);
}
const { value: alarm } = await alarms.next();
console.log(`seen by the guard: ${alarm.kind}, on the ${deviceById.get(alarm.id)}`);

// To be safe: everything but the laptop.
const count = await client.endAll({ owner: 'mia', except: laptop.token });
console.log(`signed out everywhere else: ${count}`);
console.log(`mia uses: ${(await devicesOf('mia')).join(', ')}`);

await client.endAll({ owner: 'mia' });
await Promise.all([client.close(), guard.close()]);
