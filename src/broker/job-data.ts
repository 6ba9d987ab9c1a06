import { z } from 'zod';
import type { Batch, BatchProgress } from '../rotation/batch.ts';
import { batchSchema, failureSchema } from './batch-schema.ts';

const count = z.int().nonnegative();
const tally = z.object({ rotated: count, skipped: count, missing: count, failed: count, conflicts: count });

/** What a job holds: references, codes and counts, never a ciphertext. Anyone can write to a queue. */
export const jobData = batchSchema.extend({
  progress: z
    .object({
      tally,
      failures: z.array(failureSchema),
      before: z.record(z.string(), count),
      left: z.array(z.string()),
      fruitless: count,
    })
    .nullable(),
});
export type JobData = z.infer<typeof jobData>;

/** A batch that was worked in part travels with what is left of it alone. */
export function toJobData({ epoch, number, refs, late }: Batch, progress: BatchProgress | null): JobData {
  if (progress === null) return { epoch, number, refs: [...refs], late, progress };
  const { tally, failures, before, left, fruitless } = progress;
  return {
    epoch,
    number,
    refs: [],
    late,
    progress: { tally, failures: [...failures], before: { ...before }, left: [...left], fruitless },
  };
}
