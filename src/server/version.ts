/** The version in package.json, the same from source and from dist. */
import { createRequire } from 'node:module';

const packageJson = createRequire(import.meta.url)('sojourn/package.json') as {
  readonly version: string;
};

export const SERVER_VERSION = packageJson.version;
