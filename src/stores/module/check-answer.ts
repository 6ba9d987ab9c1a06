import { isUint8Array } from 'node:util/types';
import { z } from 'zod';
import type { Fault } from '../../rotation/faults.ts';
import type { Ref, ReplaceOutcome, StoredRecord } from '../../rotation/record.ts';
import { adoptFault } from './module-faults.ts';

/** The fault of a broken rule. */
export type Breach = (rule: string) => Fault;

/** PostgreSQL, as a broker, takes no U+0000, and UTF-8 has no half of a character: both are lost on the way. */
const address = (what: string) =>
  text(what).refine(
    (value) => !/[\0\p{Cs}]/u.test(value),
    `${what} must not hold U+0000 or a lone surrogate`,
  );
const text = (what: string) => z.string(`${what} must be a string`);
const textOrNull = (what: string) => z.string(`${what} must be a string or null`).nullable();

/** What a page of a scan must be. The messages of these schemas are the rules of the port, in words. */
export function pageSchema(limit: number) {
  return z.object(
    {
      refs: z
        .array(address('each ref'), 'the refs of a page must be an array')
        .min(1, 'a page must not be empty: leave it out')
        .max(limit, 'a page must not hold more refs than the limit')
        .refine((refs) => new Set(refs).size === refs.length, 'a ref must not be twice in a page'),
      cursor: address('the cursor of a page'),
    },
    'each page must be an object { refs, cursor }',
  );
}

/** A fault of the module's, made ours. */
const recordFault = z.unknown().transform((given, context): Fault => {
  const fault = adoptFault(given);
  if (fault?.faultClass === 'record') return fault;
  context.addIssue('the fault of a record must be a Fault of class record');
  return z.NEVER;
});

/** The records that `read` gives, each with exactly these fields. What else they hold is dropped. */
export function recordsSchema(fields: readonly string[]) {
  const each = z.object(
    Object.fromEntries(fields.map((name) => [name, textOrNull(`the field ${name} of a record`)])),
    'the fields of a record must be an object',
  );
  return z.array(
    z.object(
      {
        ref: text('the ref of a record'),
        value: z.custom<Uint8Array>(isUint8Array, 'the value of a record must be a Uint8Array'),
        fields: fields.length === 0 ? each.default({}) : each,
        keyVersion: textOrNull('the keyVersion of a record').default(null),
        revision: textOrNull('the revision of a record').default(null),
        fault: recordFault.optional(),
      },
      'each record must be an object { ref, value, fields }',
    ),
    'it must give an array of records',
  );
}

export const countSchema = z.object(
  {
    records: z.int('records must be a whole number').min(0, 'records must not be negative'),
    exact: z.boolean('exact must be true or false'),
  },
  'it must give an object { records, exact }',
);

/** What a sample of at most `size` must be. */
export function sampleSchema(size: number) {
  return z
    .array(address('each ref'), 'it must give an array of refs')
    .max(size, 'it must not give more refs than it was asked for')
    .refine((refs) => new Set(refs).size === refs.length, 'a ref must not be twice in a sample');
}

export const excludedSchema = z
  .object(
    {
      what: z.string('what must be a string'),
      records: z
        .int('records must be a whole number or null')
        .min(0, 'records must not be negative')
        .nullable(),
      exact: z.boolean('exact must be true or false'),
    },
    'it must give null or an object { what, records, exact }',
  )
  .nullable();

export const lineSchema = z.string('it must give a string').regex(/^.*$/, 'it must give one line');

/** A module's answer, unchecked so far, as what it must be; throws the breach of the first rule it breaks. */
export function checkAnswer<Answer>(schema: z.ZodType<Answer>, answer: unknown, breach: Breach): Answer {
  const { data, error } = schema.safeParse(answer);
  if (error === undefined) return data;
  throw breach(error.issues[0]?.message ?? 'its answer is none');
}

/** The records, where each is one that was asked for, and comes once. */
export function checkAsked(records: StoredRecord[], asked: readonly Ref[], breach: Breach): StoredRecord[] {
  const open = new Set(asked);
  for (const { ref } of records)
    if (!open.delete(ref)) throw breach('a record must be one that was asked for, and come once');
  return records;
}

/** One outcome for each change. */
export function checkOutcomes(answer: unknown, changes: number, breach: Breach): ReplaceOutcome[] {
  if (!Array.isArray(answer) || answer.length !== changes)
    throw breach('it must give one outcome for each change, in their order');
  return Array.from(answer, (outcome: unknown) => {
    if (outcome === 'replaced' || outcome === 'conflict') return outcome;
    const fault = adoptFault(outcome);
    if (fault?.faultClass === 'record') return fault;
    throw breach(`an outcome must be 'replaced', 'conflict' or a Fault of class record`);
  });
}
