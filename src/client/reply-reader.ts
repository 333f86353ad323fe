/**
 * Walks the replies of one frame: a sequence of bin values, each holding [id, status, body], or
 * [0, event, body] for a push.
 *
 * next() leaves the place of the body only; whoever wants it decodes it. The frame's bytes are
 * borrowed until the next open().
 */
import { MalformedReplyError } from './errors.js';

const NO_BYTES = new Uint8Array(0);
const decoder = new TextDecoder();

export class ReplyReader {
  bytes: Uint8Array = NO_BYTES;
  id = 0;
  status = 0;
  /** What a push announces; undefined for a reply. */
  event: string | undefined = undefined;
  bodyStart = 0;
  bodyEnd = 0;
  #view: DataView = new DataView(NO_BYTES.buffer);
  #at = 0;

  open(frame: Uint8Array): void {
    this.bytes = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#at = 0;
  }

  /** False at the end of the frame. Throws MalformedReplyError where the frame is no sequence of replies. */
  next(): boolean {
    if (this.#at === this.bytes.length) return false;
    const end = this.#openBin();
    if (this.bytes[this.#at] !== 0x93) throw new MalformedReplyError('a reply has the wrong shape');
    this.#at += 1;
    this.id = this.#readUint();
    this.event = this.id === 0 ? this.#readEvent() : undefined;
    this.status = this.event === undefined ? this.#readUint() : 0;
    if (this.#at >= end) throw new MalformedReplyError('a reply has no body');
    this.bodyStart = this.#at;
    this.bodyEnd = end;
    this.#at = end;
    return true;
  }

  /** Whether the body of the reply is nil. */
  get hasNoBody(): boolean {
    return this.bytes[this.bodyStart] === 0xc0;
  }

  /** Steps over a bin header; the place where its content ends. */
  #openBin(): number {
    const form = this.bytes[this.#at];
    const headerBytes = form === 0xc4 ? 2 : form === 0xc5 ? 3 : form === 0xc6 ? 5 : 0;
    const start = this.#at + headerBytes;
    if (headerBytes === 0 || start > this.bytes.length) {
      throw new MalformedReplyError('a frame is not a sequence of bin values');
    }
    const contentBytes =
      headerBytes === 2
        ? this.#view.getUint8(start - 1)
        : headerBytes === 3
          ? this.#view.getUint16(start - 2)
          : this.#view.getUint32(start - 4);
    const end = start + contentBytes;
    if (end > this.bytes.length) throw new MalformedReplyError('a frame ends within a reply');
    this.#at = start;
    return end;
  }

  /** The short text that stands here; undefined if something else does. */
  #readEvent(): string | undefined {
    const form = this.bytes[this.#at] ?? 0xc1;
    if ((form & 0xe0) !== 0xa0) return undefined;
    const start = this.#at + 1;
    const end = start + (form & 0x1f);
    this.#at = end;
    return decoder.decode(this.bytes.subarray(start, end));
  }

  #readUint(): number {
    const at = this.#at;
    const form = this.bytes[at] ?? 0xc1;
    const width = form < 0x80 ? 0 : form === 0xcc ? 1 : form === 0xcd ? 2 : form === 0xce ? 4 : -1;
    if (width < 0 || at + width >= this.bytes.length) {
      throw new MalformedReplyError('a reply has no id or no status');
    }
    this.#at = at + 1 + width;
    if (width === 0) return form;
    if (width === 1) return this.#view.getUint8(at + 1);
    return width === 2 ? this.#view.getUint16(at + 1) : this.#view.getUint32(at + 1);
  }
}
