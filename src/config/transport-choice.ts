/**
 * Which WebSocket server serves, and whether several I/O threads can share its port: that takes a
 * kernel which deals the connections of one port to all sockets that listen at it (Linux does, with
 * SO_REUSEPORT; elsewhere one of them gets all), and a transport that asks for it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Config } from './options.js';

/** Of Node, for the ws transport. */
export const REUSE_PORT_SINCE = [23, 1] as const;

/** Whether uWebSockets.js has native code for this machine and this version of Node. */
export function hasUwsBinary(): boolean {
  try {
    const main = createRequire(import.meta.url).resolve('uWebSockets.js');
    const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
    const folder = dirname(main);
    return existsSync(join(folder, name)) || existsSync(join(folder, '..', 'binaries', name));
  } catch {
    return false;
  }
}

/** Whether the ws transport can share a port. */
export function hasReusePort(version: string = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [sinceMajor, sinceMinor] = REUSE_PORT_SINCE;
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

export function isUwsChosen(transport: Config['transport']): boolean {
  return transport === 'uws' || (transport === 'auto' && hasUwsBinary());
}

/** Whether connections are dealt evenly to I/O threads, as far as chance allows. */
export function canSharePort(transport: Config['transport']): boolean {
  return process.platform === 'linux' && (isUwsChosen(transport) || hasReusePort());
}
