/**
 * The client's side of WebSocket (RFC 6455), as little as a load generator needs.
 *
 * Requests are masked with the key 0, which leaves the payload as it is: frames can be built
 * before the measurement, and the server unmasks them like any other.
 */
const MASKED = 0x80;
const FIN_BINARY = 0x82;
const ZERO_MASK_KEY = Buffer.alloc(4);
const HEAD_END = '\r\n\r\n';

const UPGRADE_HEAD = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: c29qb3VybiBiZW5jaG1hcg==',
];

export const UPGRADE_REQUEST = Buffer.from(UPGRADE_HEAD.join('\r\n') + HEAD_END);

/** Length of the answer to the upgrade; 0 while incomplete. */
export function upgradeEnd(bytes: Buffer): number {
  const at = bytes.indexOf(HEAD_END);
  if (at === -1) return 0;
  const head = bytes.toString('latin1', 0, at);
  if (!head.startsWith('HTTP/1.1 101'))
    throw new Error(`upgrade refused: ${head.split('\r\n')[0]}`);
  return at + HEAD_END.length;
}

export function clientFrame(payload: Buffer): Buffer {
  return Buffer.concat([clientHeader(payload.length), ZERO_MASK_KEY, payload]);
}

function clientHeader(size: number): Buffer {
  if (size < 126) return Buffer.from([FIN_BINARY, MASKED | size]);
  if (size < 0x1_0000) return Buffer.from([FIN_BINARY, MASKED | 126, size >> 8, size & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = FIN_BINARY;
  header[1] = MASKED | 127;
  header.writeBigUInt64BE(BigInt(size), 2);
  return header;
}

/** Sees the payload of one binary frame as bytes[start, end). */
export type PayloadVisitor = (bytes: Buffer, start: number, end: number) => void;

const NOTHING = Buffer.alloc(0);

/** Cuts the bytes of a connection into frames. Chunks may end anywhere, in a header too. */
export class ServerFrames {
  readonly #visit: PayloadVisitor;
  #rest: Buffer = NOTHING;

  constructor(visit: PayloadVisitor) {
    this.#visit = visit;
  }

  read(chunk: Buffer, chunkEnd: number): void {
    const isJoined = this.#rest.length > 0;
    const bytes = isJoined ? Buffer.concat([this.#rest, chunk.subarray(0, chunkEnd)]) : chunk;
    const end = isJoined ? bytes.length : chunkEnd;
    let at = 0;
    while (end - at >= 2) {
      let size = bytes[at + 1]!;
      let start = at + 2;
      if (size === 126) {
        start = at + 4;
        if (start > end) break;
        size = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      } else if (size === 127) {
        start = at + 10;
        if (start > end) break;
        size = Number(bytes.readBigUInt64BE(at + 2));
      }
      if (start + size > end) break;
      if (bytes[at] === FIN_BINARY) this.#visit(bytes, start, start + size);
      else refuse(bytes, at, start, size);
      at = start + size;
    }
    // A copy, because the chunk's memory is used again for the next one.
    this.#rest = at < end ? Buffer.from(bytes.subarray(at, end)) : NOTHING;
  }
}

function refuse(bytes: Buffer, at: number, start: number, size: number): void {
  const opcode = bytes[at]! & 0x0f;
  if (opcode === 9 || opcode === 10) return; // ping, pong: a bench is over before it must answer
  if (opcode !== 8) throw new Error(`unexpected frame, first byte ${bytes[at]}`);
  const code = size >= 2 ? bytes.readUInt16BE(start) : 1005;
  throw new Error(
    `closed by the server: ${code} ${bytes.toString('utf8', start + 2, start + size)}`,
  );
}
