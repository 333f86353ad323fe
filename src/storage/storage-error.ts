/**
 * What stops the use of a data directory, in one line for the operator: the file, where in it, what
 * is wrong and what to do. Holds no token, no value and nothing of the secret.
 */
export class StorageError extends Error {
  override readonly name: string = 'StorageError';
  /** Path of the file concerned, relative to the data directory; undefined for the whole of it. */
  readonly file: string | undefined;
  /** Where in the file, in bytes. */
  readonly offset: number | undefined;

  constructor(
    message: string,
    place: { readonly file?: string; readonly offset?: number; readonly cause?: unknown } = {},
  ) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.file = place.file;
    this.offset = place.offset;
  }
}

/** A file is not what was written, or cannot be read: another copy of the same may serve instead. */
export class DamagedFileError extends StorageError {}

/** The system's code of a failure (ENOSPC, EIO), or its message where it has none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as Error & { readonly code?: unknown };
  return typeof code === 'string' ? code : error.message;
}
