import { z } from 'zod';
import { isRecord } from './is-record.ts';
import type { ModuleStoreConfig } from './keyturn-config.ts';
import { postgresSchema } from './postgres-store-schema.ts';
import { createS3StoreSchema } from './s3-store-schema.ts';
import { text } from './scalars.ts';

/** The store, by its type. */
export function createStoreSchema(directory: string) {
  return z.discriminatedUnion(
    'type',
    [postgresSchema, createS3StoreSchema(directory), createModuleSchema(directory)],
    { error: typeProblem },
  );
}

function createModuleSchema(directory: string) {
  return z
    .strictObject({
      type: z.literal('module'),
      module: text.describe("A path such as ./my-store.js, or a package's name"),
      options: z.unknown().optional().describe('Handed to the module as they are'),
    })
    .transform((store): ModuleStoreConfig => ({ ...store, directory, options: store.options ?? {} }));
}

function typeProblem({ input }: { readonly input?: unknown }): string | undefined {
  if (!isRecord(input)) return undefined;
  const { type } = input;
  if (type === undefined) return 'is missing; use postgres, s3 or module';
  const planned = ['mysql', 'dynamodb', 'files'].find((each) => each === type);
  return planned === undefined
    ? 'is no store that keyturn knows; use postgres, s3 or module'
    : `${planned} is not available in this version; use postgres, s3 or module`;
}
