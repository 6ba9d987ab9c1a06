import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // They wait for servers more than they work; Vitest's own number is one less than there are cores.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      // The parts that a bar is set for: to watch all would slow the whole run down.
      include: ['src/rotation/**', 'src/worker/**'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: {
        'src/rotation/**': { branches: 95 },
        'src/worker/**': { branches: 95 },
      },
    },
  },
});
