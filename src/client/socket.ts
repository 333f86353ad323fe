/**
 * The one thing that differs between Node and browsers: a WebSocket that carries bytes. The files
 * socket-node.ts and socket-browser.ts each export openSocket; `#websocket` in package.json picks
 * one of them.
 */
export interface Socket {
  /** Sends one binary message. The bytes may be changed as soon as this returns. */
  send(bytes: Uint8Array): void;
  /** Starts the closing handshake. */
  close(): void;
  /** Drops the connection at once where the platform can, else like close(). */
  terminate(): void;
}

/** Calls of a socket to its owner: opened at most once, closed exactly once and last. */
export interface SocketEvents {
  opened(): void;
  /** A binary message; text messages are not passed on. */
  received(bytes: Uint8Array): void;
  /** Also comes when the connection could not be made. */
  closed(reason: string): void;
}

export type OpenSocket = (url: string, events: SocketEvents) => Socket;
