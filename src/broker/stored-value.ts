import type { z } from 'zod';
import { Fault } from '../rotation/faults.ts';

/** Takes what the broker keeps for us as `schema` has it. Throws a rotation fault on anything else. */
export function parseStored<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new Fault(
    'rotation',
    'BROKER_DATA',
    `broker holds something under keyturn's name that keyturn did not write (${where || 'value'}); ` +
      'use another rotation name or another database',
    { peer: 'broker' },
  );
}

export function parseStoredJson<T>(schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No JSON is no value, which no schema takes.
    value = undefined;
  }
  return parseStored(schema, value);
}
