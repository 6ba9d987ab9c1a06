import { z } from 'zod';

const count = z.int().nonnegative();

/** A batch as it lies in jobs and in the ledger: references, never a value. */
export const batchSchema = z.object({
  epoch: z.string(),
  number: count,
  refs: z.array(z.string()),
  late: z.boolean(),
});

/** A record set aside, likewise. */
export const failureSchema = z.object({
  ref: z.string(),
  code: z.string(),
  message: z.string(),
  requestId: z.string().nullable(),
  time: z.string(),
  attempts: count,
});
