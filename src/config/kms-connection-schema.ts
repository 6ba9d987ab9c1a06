import type { z } from 'zod';
import { duration, filePath, httpUrl } from './scalars.ts';

/** What every KMS's settings have beside its own. */
export function connectionSettings(directory: string) {
  return {
    endpoint: httpUrl,
    caFile: filePath(directory).optional().describe('PEM file of the certificate authority of the endpoints'),
    timeout: duration.prefault('10s').describe('For one call'),
  };
}

/** How JSON Schema says that exactly one of these stands in a group. */
export function exactlyOne(ways: readonly string[]) {
  return { description: 'Exactly one way to authenticate', oneOf: ways.map((way) => ({ required: [way] })) };
}

/** Refuses a group in which none or several of these stand. */
export function checkExactlyOne<Way extends string>(
  ways: readonly Way[],
  auth: Readonly<Partial<Record<Way, unknown>>>,
  context: z.core.$RefinementCtx,
): void {
  const given = ways.filter((way) => auth[way] !== undefined);
  if (given.length === 1) return;
  const problem = given.length === 0 ? 'names no way to authenticate' : `names ${given.join(' and ')}`;
  context.addIssue(`${problem}; give exactly one of ${ways.join(', ')}`);
}

/** What is the same in every KMS's config, in the words of the program. */
export function toConnection<Settings extends { timeout: number; caFile?: string | undefined }>({
  timeout,
  caFile,
  ...settings
}: Settings): Omit<Settings, 'timeout' | 'caFile'> & { timeoutMs: number; caFile: string | null } {
  return { ...settings, caFile: caFile ?? null, timeoutMs: timeout };
}
