import { Fault } from '../faults.ts';
import { isOnPin, wasOnPin } from '../goal.ts';
import type { ReEncrypted, ReEncryptItem } from '../ports/key-service.ts';

/**
 * What the KMS said of one ciphertext.
 * - `onPin`: it lies under the pin already.
 * - `rewrapped`: here it is under the pin; before, it lay under `sourceVersionId`.
 * - `lagging`: the KMS used another version than the pin; it has not caught up.
 * - `refused`: no key opens it, or it failed too often while others did not.
 */
export type CiphertextOutcome =
  | { readonly kind: 'onPin' }
  | { readonly kind: 'rewrapped'; readonly ciphertext: Uint8Array; readonly sourceVersionId: string }
  | { readonly kind: 'lagging'; readonly fault: Fault; readonly sourceVersionId: string }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly calls: number };

/** What a reply means for the ciphertext that was sent. */
export function judgeReply(item: ReEncryptItem, reply: ReEncrypted): CiphertextOutcome {
  const { ciphertext, sourceVersionId } = reply;
  if (wasOnPin(item, reply)) return { kind: 'onPin' };
  if (isOnPin(item, reply)) return { kind: 'rewrapped', ciphertext, sourceVersionId };
  return { kind: 'lagging', fault: notCaughtUp(item), sourceVersionId };
}

/** What a success on another version than the pin means. */
export function notCaughtUp({ keyId, versionId }: Pick<ReEncryptItem, 'keyId' | 'versionId'>): Fault {
  return new Fault(
    'transient',
    'NOT_CAUGHT_UP',
    `KMS did not use version ${versionId} of key ${keyId}; it may take hours to catch up`,
    { peer: 'kms' },
  );
}
