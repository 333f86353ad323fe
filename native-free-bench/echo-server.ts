/**
 * Entry point of the ceiling: the same transport with no shard behind it. Each command is answered
 * at once with a bin of the size that the real reply would have, under the command's id.
 */
import uWS from 'uWebSockets.js';
import { CATALOGUE } from '../src/protocol/catalogue.js';
import { replySample } from './native-protocol.js';

const COMMANDS_PER_FRAME_MAX = 1_024;
const PAYLOAD_BYTES_MAX = 1024 * 1024;
const UNSENT_BYTES_MAX = 64 * 1024 * 1024;

/** Where the op and the uint32 id stand in a command of the load generator, from its bin's lead. */
const OP_AT = 3;
const ID_AT = 5;
/** Where the id stands in a reply, likewise. */
const REPLY_ID_AT = 4;

/** Replies in a row, ready but for their ids. */
interface ReplyStrip {
  readonly bytes: Uint8Array;
  readonly replyBytes: number;
}

function stripOf(op: number): ReplyStrip {
  const sample = replySample(op);
  const strip = Array.from({ length: COMMANDS_PER_FRAME_MAX }, () => sample);
  return { bytes: Buffer.concat(strip), replyBytes: sample.length };
}

const getStrip = stripOf(CATALOGUE.SH_GET.op);
const setStrip = stripOf(CATALOGUE.SH_SET.op);

function answerTo(frame: Uint8Array): Uint8Array {
  const strip = frame[OP_AT] === CATALOGUE.SH_GET.op ? getStrip : setStrip;
  const { bytes, replyBytes } = strip;
  let out = 0;
  // Commands of the load are shorter than 256 bytes, so each is a bin 8: lead, size, content.
  for (let at = 0; at < frame.length; at += 2 + frame[at + 1]!) {
    bytes[out + REPLY_ID_AT] = frame[at + ID_AT]!;
    bytes[out + REPLY_ID_AT + 1] = frame[at + ID_AT + 1]!;
    bytes[out + REPLY_ID_AT + 2] = frame[at + ID_AT + 2]!;
    bytes[out + REPLY_ID_AT + 3] = frame[at + ID_AT + 3]!;
    out += replyBytes;
  }
  return bytes.subarray(0, out);
}

uWS
  .App()
  .ws('/*', {
    compression: uWS.DISABLED,
    idleTimeout: 0,
    maxPayloadLength: PAYLOAD_BYTES_MAX,
    maxBackpressure: UNSENT_BYTES_MAX,
    message: (socket, frame) => void socket.send(answerTo(new Uint8Array(frame)), true),
  })
  .listen('127.0.0.1', 0, (listener) => {
    if (listener === false) throw new Error('the echo server cannot listen');
    console.log(`echo ready ws://127.0.0.1:${uWS.us_socket_local_port(listener)}`);
  });

process.on('disconnect', () => process.exit(0));
