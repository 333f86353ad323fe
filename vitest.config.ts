import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The SDK runs from source in unit tests; package.json names what is built.
  resolve: {
    alias: { '#websocket': new URL('./src/client/socket-node.ts', import.meta.url).pathname },
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more workers only make the servers under test wait for one another.
    maxWorkers: 2,
    pool: 'forks',
  },
});
