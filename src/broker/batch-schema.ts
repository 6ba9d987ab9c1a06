import { z } from 'zod';

const count = z.int().nonnegative();

/** A batch as it lies in jobs and in the ledger: references, never a value. */
export const batchSchema = z.object({
  epoch: z.string(),
  number: count,
  // Looked at by hand, as a batch has hundreds.
  refs: z.custom<string[]>((refs) => Array.isArray(refs) && refs.every((ref) => typeof ref === 'string')),
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
