/**
 * Many lines to standard output, no faster than they are taken, so that memory stays bounded. When
 * whoever reads them has seen enough and leaves (`| head`), that is an end like any other.
 */
import { codeOf } from '../storage/storage-error.js';

const CHUNK_CHARACTERS = 65_536;

/** @returns false if the reader left before all lines were written. */
export async function printLines(
  lines: Iterable<string>,
  to: NodeJS.WritableStream = process.stdout,
): Promise<boolean> {
  // Each write reports its own failure; the event would end the process.
  to.on('error', () => undefined);
  let text = '';
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < CHUNK_CHARACTERS) continue;
    if (!(await isWritten(to, text))) return false;
    text = '';
  }
  return text === '' || (await isWritten(to, text));
}

function isWritten(to: NodeJS.WritableStream, text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    to.write(text, (error) => {
      if (error === null || error === undefined) resolve(true);
      else if (codeOf(error) === 'EPIPE') resolve(false);
      else reject(error);
    });
  });
}
