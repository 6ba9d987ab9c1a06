import { Fault } from '../faults.ts';
import { viewAsBuffer } from '../formats/utf8.ts';
import { isOnPin, wasOnPin } from '../goal.ts';
import type { KeyService, ReEncrypted, ReEncryptItem, ReEncryptResult } from '../ports/key-service.ts';

/**
 * Makes a call, and throws a transient `Fault` BAD_REPLY where a reply cannot be that to its item. A reply on
 * another version than the pin is none of these: the KMS lags.
 */
export async function reEncryptBound(
  keyService: Pick<KeyService, 'reEncrypt' | 'readVersion'>,
  items: readonly ReEncryptItem[],
  signal: AbortSignal,
): Promise<ReEncryptResult[]> {
  const results = await keyService.reEncrypt(items, signal);
  items.forEach((item, index) => {
    const reply = results[index];
    if (reply === undefined || reply instanceof Fault) return;
    const misfit = misfitOf(item, reply, keyService);
    if (misfit !== null) throw badReply(misfit);
  });
  return results;
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
  // The header is a hint: it counts where that of the ciphertext that was sent has proved to tell the truth.
  if (readVersion(item.ciphertext) !== reply.sourceVersionId) return null;
  const header = readVersion(reply.ciphertext);
  return header === null || header === reply.versionId
    ? null
    : 'names another version than its ciphertext does';
}

function badReply(misfit: string): Fault {
  return new Fault(
    'transient',
    'BAD_REPLY',
    `a reply of the KMS ${misfit}, so it is not what was asked for; see whether a proxy mixes replies up`,
    { peer: 'kms' },
  );
}
