import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Loops in tests are bounded by conditions, and these limits are the last resort.
    testTimeout: 20_000,
    hookTimeout: 60_000,
    silent: 'passed-only',
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/e2e/**',
            'test/contracts/**',
            'test/local-azure/**',
            'test/local-host/**',
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'stands',
          include: [
            'test/contracts/**/*.test.ts',
            'test/local-azure/**/*.test.ts',
            'test/local-host/**/*.test.ts',
          ],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          // Each file runs local Azure and hosts of its own; the machine may have two cores.
          fileParallelism: false,
        },
      },
    ],
  },
});
