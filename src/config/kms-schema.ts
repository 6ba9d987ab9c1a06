import { z } from 'zod';
import { isRecord } from './is-record.ts';
import { createVaultSchema } from './vault-schema.ts';
import { createYandexSchema } from './yandex-schema.ts';

/** The KMS, by its provider. */
export function createKmsSchema(directory: string) {
  return z.discriminatedUnion('provider', [createYandexSchema(directory), createVaultSchema(directory)], {
    error: providerProblem,
  });
}

function providerProblem({ input }: { readonly input?: unknown }): string | undefined {
  if (!isRecord(input)) return undefined;
  if (input['provider'] === undefined) return 'is missing; use yandex or vault';
  return input['provider'] === 'aws'
    ? 'aws is not available in this version; use yandex or vault'
    : 'is no KMS that keyturn knows; use yandex or vault';
}
