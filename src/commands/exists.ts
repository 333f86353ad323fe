/**
 * SH_EXISTS, one shard's part: the I/O thread sends the digests of those tokens whose sessions would
 * be here, 20 bytes each (digest, slot), and gets one byte for each: 1 for a live session.
 */
import { STATUSES } from '../core/statuses.js';
import { NIL } from '../memory/shared-memory.js';
import { binHeaderBytes, putBinHeader } from '../protocol/msgpack-put.js';
import type { Command } from './command.js';
import { EXIST } from './names.js';

const ITEM_BYTES = 20;
const digest = new Int32Array(4);

export const exists: Command = {
  name: 'SH_EXISTS',
  needs: 'none',
  grows: false,
  changes: false,

  execute({ state, reply, raw, rawStart, rawEnd }) {
    const count = Math.floor((rawEnd - rawStart) / ITEM_BYTES);
    reply.begin(STATUSES.OK.code, 1 + EXIST.bytes.length + binHeaderBytes(count) + count);
    reply.map(1);
    reply.constant(EXIST);
    reply.at = putBinHeader(reply.space, reply.at, count);
    for (let item = 0; item < count; item += 1) {
      const at = rawStart + item * ITEM_BYTES;
      for (let word = 0; word < 4; word += 1) digest[word] = raw.view.getInt32(at + word * 4, true);
      const row = state.find(digest, 0, raw.view.getInt32(at + 16, true));
      reply.space.bytes[reply.at] = row === NIL ? 0 : 1;
      reply.at += 1;
    }
    reply.end();
  },
};
