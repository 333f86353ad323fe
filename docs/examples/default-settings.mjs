// Default settings: one shared session that any program opens by its name.
//
//   node docs/examples/default-settings.mjs [ws://127.0.0.1:1987]
//
// Ordinary sessions are known to those who were given the token. A shared session is known to all
// who know its name: its token follows from the name, so no program has to hand it to another. Two
// clients stand here for two programs.
import { connect, NameTakenError } from 'sojourn/client';
import { noServer } from './support/no-server.mjs';

const url = process.argv[2] ?? 'ws://127.0.0.1:1987';
const NAME = 'default-settings';

// The program that is installed first brings the defaults along. With `create`, opening is safe
// for any number of programs at once: one of them starts the session, the others find it.
const installer = await connect(url).catch(noServer);
const defaults = await installer.openSession(NAME, {
  create: true,
  keys: { theme: 'light', language: 'en', volume: 7 },
});
console.log(`the defaults are ${defaults.isNew ? 'new' : 'there already'}`);

// Another program opens them by name.
const player = await connect(url).catch(noServer);
const shared = await player.openSession(NAME);
console.log(`read by another client: ${JSON.stringify(await shared.getAll())}`);

// A user's own session holds only what differs.
const user = await player.newSession({ keys: { theme: 'dark' } });
const settingsOf = async () => ({ ...(await shared.getAll()), ...(await user.getAll()) });
console.log(`settings of the user: ${JSON.stringify(await settingsOf())}`);

// A new default reaches everybody who has no setting of their own.
await defaults.set({ theme: 'blue', volume: 5 });
console.log(`after a new default: ${JSON.stringify(await settingsOf())}`);

// The name belongs to one session.
try {
  await player.newSession({ name: NAME, shared: true });
} catch (error) {
  if (!(error instanceof NameTakenError)) throw error;
  console.log(`a second one: ${error.help}`);
}

await user.end();
await defaults.end();
await Promise.all([installer.close(), player.close()]);
