import { Fault } from '../../rotation/faults.ts';
import { viewAsBuffer } from '../../rotation/formats/utf8.ts';

/** A cache that answers for the KMS shows at once: a few times the calls in flight need be remembered, no more. */
const remembered = 256;
/** The end of a ciphertext is the tag of AES-GCM: no two have the same. */
const endBytes = 32;

/** Throws a rotation `Fault` REPLY_REPEATED for a ciphertext that has come before, in reply to something else. */
export type RefuseRepeated = (reply: Uint8Array, request: Uint8Array | null) => void;

/**
 * Each encryption has an IV of its own, so the KMS never gives one ciphertext for two. A gateway that caches
 * by URL would: the URL is the same for all records, and so is all else in the reply that could be checked.
 * `request` is the ciphertext that was sent; null where each reply must be a new one.
 */
export function createRefuseRepeated(): RefuseRepeated {
  /** Of the last replies, the oldest first. */
  const requests = new Map<string, string>();
  return (reply, request) => {
    if (reply.length === 0) return;
    const key = endOf(reply);
    const known = requests.get(key);
    const sent = request === null ? '' : endOf(request);
    if (known !== undefined && (request === null || known !== sent)) throw repeated();
    requests.set(key, sent);
    if (requests.size <= remembered) return;
    for (const oldest of requests.keys()) {
      requests.delete(oldest);
      return;
    }
  };
}

function endOf(bytes: Uint8Array): string {
  return viewAsBuffer(bytes).toString('latin1', Math.max(0, bytes.length - endBytes));
}

function repeated(): Fault {
  return new Fault(
    'rotation',
    'REPLY_REPEATED',
    'KMS gave the same ciphertext for two different requests (REPLY_REPEATED), as a proxy does that caches replies; ' +
      'take it out of the way, and bring what was written through it back from the journal or a backup',
    { peer: 'kms' },
  );
}
