import { Fault } from '../faults.ts';
import { viewAsBuffer } from '../formats/utf8.ts';
import { isOnPin, wasOnPin } from '../goal.ts';
import type { KeyService, ReEncrypted, ReEncryptItem, ReEncryptResult } from '../ports/key-service.ts';

/**
 * Throws a transient `Fault` BAD_REPLY where a reply cannot be that to its item. A reply on another version than the
 * pin is none of these: the KMS lags.
 */
export function checkBound(
  keyService: Pick<KeyService, 'readVersion'>,
  items: readonly ReEncryptItem[],
  results: readonly ReEncryptResult[],
): void {
  items.forEach((item, index) => {
    const reply = results[index];
    if (reply === undefined || reply instanceof Fault) return;
    const misfit = misfitOf(item, reply, keyService);
    if (misfit !== null) throw badReply(misfit);
  });
}

/** What shows that a reply is not to this item, in words; null if nothing does. */
function misfitOf(
  item: ReEncryptItem,
  reply: ReEncrypted,
  { readVersion }: Pick<KeyService, 'readVersion'>,
): string | null {
  if (reply.keyId !== item.keyId) return 'names another target key, or none';
  if (reply.versionId === '') return 'names no version';
  if (reply.ciphertext.length === 0) return 'holds no ciphertext';
  // A gateway may leave it out.
  if (reply.sourceKeyId !== '' && reply.sourceKeyId !== item.sourceKeyId) return 'names another source key';
  if (!isOnPin(item, reply) || wasOnPin(item, reply)) return null;
  if (viewAsBuffer(reply.ciphertext).equals(item.ciphertext)) return 'holds the ciphertext that was sent';
  const header = readVersion(reply.ciphertext);
  if (header === null || header === reply.versionId) return null;
  // The header is a hint: it counts where that of the ciphertext that was sent has proved to tell the truth.
  const toldTruth = readVersion(item.ciphertext) === reply.sourceVersionId;
  return toldTruth ? 'names another version than its ciphertext does' : null;
}

function badReply(misfit: string): Fault {
  return new Fault(
    'transient',
    'BAD_REPLY',
    `a reply of the KMS ${misfit}, so it is not what was asked for; see whether a proxy mixes replies up`,
    { peer: 'kms' },
  );
}
