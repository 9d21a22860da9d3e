import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'packages/*/src/**/*.test.ts',
      'examples/*/test/**/*.test.ts',
      'tools/**/*.test.ts',
    ],
    allowOnly: false,
    pool: 'threads',
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
