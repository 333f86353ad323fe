import { afterEach, describe, expect, test, vi } from 'vitest';
import { openSocket } from '../../../src/client/socket-browser.js';

/** The little of a browser's WebSocket that is used. */
class BrowserWebSocket {
  static last: BrowserWebSocket;
  binaryType = 'blob';
  readonly sent: unknown[] = [];
  readonly closings: unknown[] = [];
  readonly url: string;
  onopen?: () => void;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: (event: { code: number }) => void;

  constructor(url: string) {
    this.url = url;
    BrowserWebSocket.last = this;
  }

  send(bytes: unknown): void {
    this.sent.push(bytes);
  }

  close(code?: number): void {
    this.closings.push(code);
  }
}

function open(): { socket: ReturnType<typeof openSocket>; events: string[] } {
  vi.stubGlobal('WebSocket', BrowserWebSocket);
  const events: string[] = [];
  const socket = openSocket('ws://somewhere', {
    opened: () => events.push('opened'),
    received: (bytes) => events.push(`received ${[...bytes].join(',')}`),
    closed: (reason) => events.push(reason),
  });
  return { socket, events };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('openSocket in browsers', () => {
  test('carries binary messages both ways and passes no text on', () => {
    const { socket, events } = open();
    const { last } = BrowserWebSocket;
    last.onopen?.();
    last.onmessage?.({ data: 'text' });
    last.onmessage?.({ data: Uint8Array.of(1, 2).buffer });
    const bytes = Uint8Array.of(3);
    socket.send(bytes);
    last.onclose?.({ code: 1006 });
    expect(last.binaryType).toBe('arraybuffer');
    expect(last.sent).toEqual([bytes]);
    expect(events).toEqual(['opened', 'received 1,2', 'closed with code 1006']);
  });

  test('is gone for its owner at terminate(), whatever comes later', () => {
    const { socket, events } = open();
    socket.terminate();
    BrowserWebSocket.last.onopen?.();
    BrowserWebSocket.last.onmessage?.({ data: Uint8Array.of(1).buffer });
    BrowserWebSocket.last.onclose?.({ code: 1006 });
    expect(events).toEqual(['dropped']);
    expect(BrowserWebSocket.last.closings).toHaveLength(1);
  });

  test('closes with the code of a normal end', () => {
    const { socket } = open();
    socket.close();
    expect(BrowserWebSocket.last.closings).toEqual([1000]);
  });
});
