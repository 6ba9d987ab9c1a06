import type { Opened } from './formats/format.ts';
import type { Goal } from './goal.ts';
import type { KeyService } from './ports/key-service.ts';

/**
 * Whether a record can be skipped without a call: what can be read offline says that it is under the pin, all
 * its ciphertexts. `note` is the store's own note of the version (`versionColumn`).
 *
 * A ciphertext's header does not tell the AAD, so it decides only where AAD does not change; and where one
 * speaks, the note is not heard, since an application may write a value and forget the note.
 */
export function isOnPinOffline(
  goal: Goal,
  { ciphertexts, aad }: Pick<Opened, 'ciphertexts' | 'aad'>,
  note: string | null,
  keyService: Pick<KeyService, 'readVersion'>,
): boolean {
  const headers = ciphertexts.map((ciphertext) => keyService.readVersion(ciphertext));
  const known = headers.filter((version) => version !== null);
  if (known.some((version) => version !== goal.versionId)) return false;
  const keepsAad = goal.keepsAad || aad === 'none';
  return (keepsAad && known.length === headers.length) || note === goal.versionId;
}
