import type { Goal } from './goal.ts';
import type { StoredRecord } from './record.ts';

/**
 * Whether a record can be skipped without a call: what can be read offline says that it is under the pin.
 *
 * `headerVersion` is what its ciphertext's header says. It does not tell the AAD, so it decides only where
 * AAD does not change; and where it speaks, the store's own note of the version is not heard, since an
 * application may write a value and forget the note.
 */
export function isOnPinOffline(goal: Goal, record: StoredRecord, headerVersion: string | null): boolean {
  if (headerVersion === null) return record.keyVersion === goal.versionId;
  if (headerVersion !== goal.versionId) return false;
  return goal.keepsAad || record.keyVersion === goal.versionId;
}
