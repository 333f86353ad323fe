import { describe, expect, test } from 'vitest';
import { ConnectError } from '../../../src/client/errors.js';
import { Link, type LinkEvents } from '../../../src/client/link.js';
import { resolveOptions, type ClientOptions } from '../../../src/client/options.js';
import { FakeNetwork, frameOf } from './fake-network.js';

interface Watched {
  readonly network: FakeNetwork;
  readonly link: Link;
  readonly seen: string[];
}

function watch(options: ClientOptions = {}): Watched {
  const network = new FakeNetwork();
  const seen: string[] = [];
  const events: LinkEvents = {
    opened: () => seen.push('opened'),
    received: (frame) => seen.push(`received ${frame.length}`),
    lost: (reason) => seen.push(`lost: ${reason}`),
    gaveUp: (reason) => seen.push(`gave up: ${reason}`),
  };
  const resolved = resolveOptions({ timers: network.timers, random: () => 1, ...options });
  return { network, link: new Link('ws://fake', resolved, events, network.open), seen };
}

async function connected(options: ClientOptions = {}): Promise<Watched> {
  const watched = watch(options);
  const connecting = watched.link.connect();
  watched.network.socket.opens();
  await connecting;
  return watched;
}

describe('Link', () => {
  test('resolves connect() when the connection is open', async () => {
    const { link, seen } = await connected();
    expect(link.isOpen).toBe(true);
    expect(seen).toEqual(['opened']);
  });

  test('rejects connect() if the first attempt fails, and tries no more', async () => {
    const { network, link, seen } = watch();
    const connecting = link.connect();
    network.socket.breaks('connection refused');
    await expect(connecting).rejects.toThrow(ConnectError);
    await expect(connecting).rejects.toThrow('connection refused');
    expect(network.timers.pending).toBe(0);
    expect(seen).toEqual([]);
  });

  test('rejects connect() after connectTimeoutMs', async () => {
    const { network, link } = watch({ connectTimeoutMs: 70 });
    const connecting = link.connect();
    network.timers.advance(70);
    await expect(connecting).rejects.toThrow('no connection in 70 ms');
    expect(network.timers.pending).toBe(0);
  });

  test('connects again after a loss, and tells both', async () => {
    const calls: string[] = [];
    const { network, link, seen } = await connected({
      onConnect: () => calls.push('connect'),
      onDisconnect: (reason) => calls.push(`disconnect: ${reason}`),
    });
    network.socket.breaks();
    expect(link.isOpen).toBe(false);
    network.timers.advance(50);
    network.socket.opens();
    expect(link.isOpen).toBe(true);
    expect(seen).toEqual(['opened', 'lost: cable cut', 'opened']);
    expect(calls).toEqual(['connect', 'disconnect: cable cut', 'connect']);
  });

  test('doubles the wait at each failure, up to maxMs', async () => {
    const { network } = await connected({ reconnect: { initialMs: 10, maxMs: 60 } });
    for (const waitMs of [10, 20, 40, 60, 60]) {
      network.socket.breaks();
      const before = network.sockets.length;
      network.timers.advance(waitMs - 1);
      expect(network.sockets).toHaveLength(before);
      network.timers.advance(1);
      expect(network.sockets).toHaveLength(before + 1);
    }
  });

  test('waits longer each time where connections open and break without a word', async () => {
    const { network } = await connected({ reconnect: { initialMs: 10, maxMs: 1_000 } });
    for (const waitMs of [10, 20, 40]) {
      network.socket.breaks();
      network.timers.advance(waitMs);
      network.socket.opens();
    }
    network.socket.events.received(frameOf([0, 1]));
    network.socket.breaks();
    const before = network.sockets.length;
    network.timers.advance(10);
    expect(network.sockets).toHaveLength(before + 1);
  });

  test('gives up after attemptsMax failures in a row', async () => {
    const { network, seen } = await connected({ reconnect: { attemptsMax: 2 } });
    network.socket.breaks();
    network.timers.advance(5_000);
    network.socket.breaks('refused');
    network.timers.advance(5_000);
    network.socket.breaks('refused again');
    expect(seen).toEqual(['opened', 'lost: cable cut', 'gave up: refused again']);
    expect(network.timers.pending).toBe(0);
  });

  test('counts failures anew after each connection made', async () => {
    const { network, seen } = await connected({ reconnect: { attemptsMax: 2 } });
    for (let losses = 0; losses < 3; losses += 1) {
      network.socket.breaks();
      network.timers.advance(5_000);
      network.socket.breaks('refused');
      network.timers.advance(5_000);
      network.socket.opens();
    }
    expect(seen.filter((event) => event.startsWith('gave up'))).toEqual([]);
  });

  test('tells why it dropped a connection itself', async () => {
    const { link, seen } = await connected();
    link.drop('no sign of life');
    expect(seen).toEqual(['opened', 'lost: no sign of life']);
  });

  test('closes while an attempt is under way', async () => {
    const { network, link } = await connected();
    network.socket.breaks();
    network.timers.advance(50);
    await link.close();
    expect(network.socket.isGone).toBe(true);
    expect(network.timers.pending).toBe(0);
  });

  test('waits for the closing handshake, though not for ever', async () => {
    const { network, link } = await connected();
    const closing = link.close();
    expect(network.socket.isClosing).toBe(true);
    expect(network.socket.isGone).toBe(false);
    network.timers.advance(1_000);
    await closing;
    expect(network.socket.isGone).toBe(true);
  });

  test('tells nothing after close()', async () => {
    const calls: string[] = [];
    const { network, link, seen } = await connected({
      onDisconnect: () => calls.push('disconnect'),
    });
    const closing = link.close();
    network.socket.breaks();
    await closing;
    expect(seen).toEqual(['opened']);
    expect(calls).toEqual([]);
  });
});
