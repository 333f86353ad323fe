/**
 * What the I/O thread wants of a WebSocket server, and nothing more. Two implement it: uWebSockets
 * (transport-uws.ts) and ws (transport-ws.ts).
 */
export interface Socket {
  /** Bytes handed over that the kernel has not taken yet. */
  bufferedBytes(): number;
  /** One binary message. The bytes may be reused as soon as this returns. */
  sendBinary(bytes: Uint8Array): void;
  /** One text message. */
  sendText(text: string): void;
  /** Closes in order: after what was sent, with a code and a reason. Calls onClose. */
  end(code: number, reason: string): void;
  /** Drops the connection at once, with all that is unsent. Calls onClose. */
  terminate(): void;
}

/** @typeParam Owner what the I/O thread knows a socket by. */
export interface TransportHandlers<Owner> {
  /** Asked at each upgrade; false is answered with HTTP 503. */
  mayOpen(): boolean;
  /** @param authorization the header of the upgrade, empty if there is none. Closes nothing yet. */
  onOpen(socket: Socket, authorization: string): Owner;
  /** The message's memory is valid during the call only. */
  onBinary(owner: Owner, message: ArrayBuffer): void;
  onText(owner: Owner, message: ArrayBuffer): void;
  /** Some unsent bytes have gone out. */
  onDrain(owner: Owner): void;
  /** Once, and last, for each socket. */
  onClose(owner: Owner): void;
}

export interface TransportOptions<Owner> {
  readonly host: string;
  /** Longer messages end the connection without a reply. */
  readonly messageBytesMax: number;
  readonly handlers: TransportHandlers<Owner>;
}

export interface ListenOptions {
  /** 0: any free one. */
  readonly port: number;
  /** False: other threads of this process listen at the same port. */
  readonly isExclusive: boolean;
}

export interface Transport {
  readonly name: 'uws' | 'ws';
  /** Resolves with the port; rejects with an Error whose message is for the operator. */
  listen(options: ListenOptions): Promise<number>;
  stopListening(): void;
  /** Drops all that is left, sockets included that were ended but whose peers are still there. */
  close(): void;
}

/** Seconds of silence after which a peer is pinged, and dropped if it stays silent. */
export const IDLE_SECONDS_MAX = 150;
