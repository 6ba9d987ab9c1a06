import { defineConfig } from 'vitest/config';

const servers = ['test/integration/**/*.test.ts', 'test/crash/**/*.test.ts'];
/** Compares times to the millisecond, so nothing else may run beside it. */
const timed = ['test/integration/pace.test.ts'];

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // Vitest's own number is one less than there are cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts'],
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: servers,
          exclude: timed,
          // They wait for servers and for locks to run out more than they work.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'timed', include: timed, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
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
