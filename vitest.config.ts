import { defineConfig } from 'vitest/config';
import { WaitingFirst } from './test/support/waiting-first.ts';

const servers = ['test/integration/**/*.test.ts', 'test/crash/**/*.test.ts'];
/** They measure times, so nothing else may run beside them. */
const timed = ['test/integration/pace.test.ts', 'test/integration/share-of-the-limit.test.ts'];

const everywhere = {
  // Vitest's own number is one less than there are cores.
  maxWorkers: 2,
  testTimeout: 30_000,
  hookTimeout: 30_000,
};

export default defineConfig({
  test: {
    // A project that extended this would run it once more, and build and start all over.
    globalSetup: ['test/support/global-setup.ts'],
    sequence: { sequencer: WaitingFirst },
    projects: [
      {
        test: {
          ...everywhere,
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts', 'test/simulation/**/*.test.ts'],
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...everywhere,
          name: 'deploy',
          include: ['test/deploy/**/*.test.ts'],
          // The tools may have to be fetched first.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...everywhere,
          name: 'servers',
          include: servers,
          exclude: timed,
          // They wait for servers and for locks to run out more than they work.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...everywhere,
          name: 'timed',
          include: timed,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // Against peers that the environment names; `scripts/interop.mjs` says which, and what was left out.
        test: {
          ...everywhere,
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          sequence: { groupOrder: 3 },
        },
      },
      {
        // Too long for every day; `scripts/soak.mjs` runs it.
        test: {
          ...everywhere,
          name: 'soak',
          include: ['test/soak/**/*.test.ts'],
          sequence: { groupOrder: 4 },
        },
      },
      {
        // Measures, and needs the machine for itself; `scripts/bench.mjs` runs it.
        test: {
          ...everywhere,
          maxWorkers: 1,
          name: 'bench',
          include: ['test/bench/**/*.test.ts'],
          sequence: { groupOrder: 4 },
        },
      },
      {
        // Takes minutes: `scripts/image.mjs` runs it.
        test: {
          ...everywhere,
          name: 'image',
          include: ['test/image/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 1_200_000,
          sequence: { groupOrder: 4 },
        },
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
