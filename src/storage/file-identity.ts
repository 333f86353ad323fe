/** Whether a file is the one that its name and place say. */
import {
  decodeFileHeader,
  type FileHeader,
  type FileKind,
  FILE_HEADER_BYTES,
} from './file-header.js';
import type { FileWindow } from './file-window.js';
import { StorageError } from './storage-error.js';

export interface ExpectedFile {
  readonly kind: FileKind;
  readonly secretCheck: string;
  /** Undefined where any will do. */
  readonly epoch?: number;
  readonly shard?: number;
  readonly number?: number;
}

/**
 * The header of the file, or what is wrong with its bytes. Throws StorageError if it is whole, but
 * not to be used: of a format unknown, of another directory, or in the place of another file.
 */
export function readHeader(
  window: FileWindow,
  expected: ExpectedFile,
): FileHeader | { readonly damage: string; readonly isEmpty: boolean } {
  const bytes = Math.min(FILE_HEADER_BYTES, window.size);
  const at = window.at(0, bytes);
  const header = decodeFileHeader(window.space.bytes.subarray(at, at + bytes));
  if ('problem' in header) {
    if (header.problem === 'version') throw refusal(window, header.detail);
    return { damage: header.detail, isEmpty: header.problem === 'empty' };
  }
  if (header.secretCheck !== expected.secretCheck) {
    throw refusal(window, 'it belongs to a data directory with another secret');
  }
  const isSame = (['kind', 'epoch', 'shard', 'number'] as const).every(
    (name) => expected[name] === undefined || expected[name] === header[name],
  );
  if (!isSame) throw refusal(window, 'it is another file than its name says');
  return header;
}

function refusal({ file }: FileWindow, detail: string): StorageError {
  return new StorageError(`${file} cannot be used: ${detail}`, { file, offset: 0 });
}
