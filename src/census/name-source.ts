import type { Goal } from '../rotation/goal.ts';

/**
 * What a count calls the version that a record was opened by. A record under the pin's version but with the
 * source's AAD or key is not yet what it shall become.
 */
export function nameSource(sourceVersionId: string, goal: Goal): string {
  if (sourceVersionId === '') return 'unnamed';
  return sourceVersionId === goal.versionId ? `${sourceVersionId} (with the source's AAD)` : sourceVersionId;
}
