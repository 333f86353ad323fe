/** WebSocket for Node, over the `ws` package. */
import { WebSocket } from 'ws';
import type { Socket, SocketEvents } from './socket.js';

const MASK_POOL_BYTES = 8_192;
const maskPool = new Uint8Array(MASK_POOL_BYTES);
let maskPoolAt = MASK_POOL_BYTES;

/**
 * A fresh mask that is never all zero: `ws` copies the message when it applies a mask, but sends
 * the caller's own bytes when the mask is zero, and those are reused as soon as send() returns.
 */
function generateMask(mask: Buffer): void {
  if (maskPoolAt === MASK_POOL_BYTES) {
    crypto.getRandomValues(maskPool);
    maskPoolAt = 0;
  }
  mask.set(maskPool.subarray(maskPoolAt, maskPoolAt + 4));
  maskPoolAt += 4;
  if ((mask[0] ?? 0) === 0) mask[0] = 1;
}

export function openSocket(url: string, events: SocketEvents): Socket {
  // Compression costs more time than it saves on messages of this size.
  const socket = new WebSocket(url, { perMessageDeflate: false, generateMask });
  let failure: string | undefined;
  socket.on('open', () => events.opened());
  socket.on('message', (message: Buffer, isBinary: boolean) => {
    // A plain Uint8Array, so that binary values are of the same class on every platform.
    const { buffer, byteOffset, byteLength } = message;
    if (isBinary) events.received(new Uint8Array(buffer, byteOffset, byteLength));
  });
  socket.on('error', (error: Error) => {
    failure ??= error.message === '' ? 'the connection failed' : error.message;
  });
  socket.on('close', (code: number) => events.closed(failure ?? `closed with code ${code}`));
  return {
    send: (bytes) => socket.send(bytes),
    close: () => socket.close(1000),
    terminate: () => socket.terminate(),
  };
}
