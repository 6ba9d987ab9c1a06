import { z } from 'zod';
import type { PostgresStoreConfig } from './keyturn-config.ts';
import { text, urlProblem } from './scalars.ts';

/** A column of a PostgreSQL table. */
export const postgresSchema = z
  .strictObject({
    type: z.literal('postgres'),
    url: z
      .string()
      .superRefine((url, context) => {
        const problem = urlProblem(url, ['postgres', 'postgresql']);
        if (problem !== null) context.addIssue(problem);
      })
      .describe('postgres://user@host/db; a password may come by ${file:/path}'),
    table: text.describe('Name of the table as SQL has it, quoted parts included'),
    key: z
      .array(text)
      .min(1)
      .refine((columns) => new Set(columns).size === columns.length, 'names a column twice; name each once')
      .describe('Primary or unique key columns, as in the catalog'),
    column: text.describe('The column that holds the ciphertext: bytea, text, varchar, json or jsonb'),
    where: z
      .string()
      .regex(/\S/, 'is blank; leave it out for all rows')
      .optional()
      .describe('SQL condition: only these rows are records'),
    versionColumn: text
      .optional()
      .describe('Column with the key version: read to skip, written with the ciphertext'),
    journal: z
      .boolean()
      .default(false)
      .describe('Keep old values in a table keyturn_journal beside the table, for rollback'),
  })
  .superRefine(({ key, column, versionColumn }, context) => {
    if (key.includes(column)) {
      context.addIssue({
        code: 'custom',
        path: ['column'],
        message: 'is part of the key; name another column',
      });
    }
    if (versionColumn !== undefined && [...key, column].includes(versionColumn)) {
      const message = 'is the column of the ciphertext or part of the key; name another column';
      context.addIssue({ code: 'custom', path: ['versionColumn'], message });
    }
  })
  .transform((store): PostgresStoreConfig => ({
    type: store.type,
    url: store.url,
    table: store.table,
    key: store.key,
    column: store.column,
    where: store.where ?? null,
    versionColumn: store.versionColumn ?? null,
    journal: store.journal,
  }));
