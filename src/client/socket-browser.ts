/** WebSocket of browsers. Its send() copies the message before it returns. */
import type { Socket, SocketEvents } from './socket.js';

export function openSocket(url: string, events: SocketEvents): Socket {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  let isClosed = false;
  const closed = (reason: string): void => {
    if (isClosed) return;
    isClosed = true;
    events.closed(reason);
  };
  socket.onopen = () => {
    if (!isClosed) events.opened();
  };
  socket.onmessage = (event: MessageEvent<unknown>) => {
    if (!isClosed && event.data instanceof ArrayBuffer) {
      events.received(new Uint8Array(event.data));
    }
  };
  socket.onclose = (event) => closed(`closed with code ${event.code}`);
  return {
    send: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    close: () => socket.close(1000),
    // A browser may wait long for the peer's closing frame; the owner need not.
    terminate: () => {
      socket.close();
      closed('dropped');
    },
  };
}
