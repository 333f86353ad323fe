/**
 * Servers of one test file that are killed and started again, and text commands to them. Import it
 * from test files only: what still runs is killed after each test.
 */
import { afterEach } from 'vitest';
import { WebSocket } from 'ws';
import { startServer, type ServerProcess } from './server-process.js';

export type Body = Record<string, unknown> & { st: number };

const running: ServerProcess[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.process.kill('SIGKILL');
});

export async function start(...flags: string[]): Promise<ServerProcess> {
  const server = await startServer(flags);
  running.push(server);
  return server;
}

export async function kill(server: ServerProcess): Promise<void> {
  server.process.kill('SIGKILL');
  await server.ended;
}

/** Text commands on a connection of their own, one after another: the bodies of the replies. */
export async function ask(server: ServerProcess, ...frames: object[]): Promise<Body[]> {
  const socket = new WebSocket(server.url);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const bodies: Body[] = [];
  for (const frame of frames) {
    const reply = new Promise<string>((resolve) => {
      socket.once('message', (text: Buffer) => resolve(text.toString()));
    });
    socket.send(JSON.stringify(frame));
    bodies.push(Object.values(JSON.parse(await reply) as Record<string, Body>)[0]!);
  }
  socket.close();
  return bodies;
}
