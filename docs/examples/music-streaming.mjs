// A music streaming service: a playlist that lives as long as somebody listens.
//
//   node docs/examples/music-streaming.mjs [ws://127.0.0.1:1987] [idle seconds, 2]
//
// The player writes its position now and then. Each write restarts the session's idle clock
// (extendOnSetAdd), each read does, too (extendOnGet). When the listener closes the player, nothing
// is written any more, and the playlist goes by itself. A real service would say half an hour
// where this example says two seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, SessionNotFoundError } from 'sojourn/client';
import { noServer } from './support/no-server.mjs';

const url = process.argv[2] ?? 'ws://127.0.0.1:1987';
const idleSeconds = Number(process.argv[3] ?? 2);

const client = await connect(url).catch(noServer);

const session = await client.newSession({
  expiry: {
    duration: idleSeconds,
    deleteSession: true,
    extendOnSetAdd: true,
    extendOnGet: true,
  },
  keys: {
    listener: 'mia',
    playlist: ['So What', 'Blue in Green', 'Take Five', 'Giant Steps'],
    position: 0,
  },
});
console.log(`playlist of mia, gone after ${idleSeconds} s without use`);

// Listening takes longer than the idle time, but each step comes within it.
const startMs = performance.now();
const playlist = (await session.get('playlist')) ?? [];
for (const [position, title] of playlist.entries()) {
  await session.set({ position });
  console.log(`playing ${position + 1} of ${playlist.length}: ${title}`);
  await sleep(idleSeconds * 0.5 * 1_000);
}
const listenedSeconds = (performance.now() - startMs) / 1_000;
const { position } = await session.getMany(['position']);
const { expiry } = await session.info();
console.log(`still there after ${listenedSeconds.toFixed(1)} s, at track ${position + 1}`);
console.log(`would live another ${expiry.remaining.toFixed(1)} s from here`);

// The listener leaves.
await sleep(idleSeconds * 1_000);
try {
  await session.get('playlist');
  console.log('the playlist is still there');
} catch (error) {
  if (!(error instanceof SessionNotFoundError)) throw error;
  console.log('the playlist is gone');
}

await client.close();
