import { createRequire } from 'node:module';

/**
 * BullMQ, the same instance as an `import` of it gives. An `import` has Node look through each of its two
 * hundred CommonJS files for the names that it exports, a seventh of the CPU time that a command takes
 * to start.
 */
export const bullmq: typeof import('bullmq') = createRequire(import.meta.url)('bullmq');
