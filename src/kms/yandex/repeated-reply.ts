import { Fault } from '../../rotation/faults.ts';
import { viewAsBuffer } from '../../rotation/formats/utf8.ts';

/** A cache that answers for the KMS shows at once: a few times the calls in flight need be remembered, no more. */
const remembered = 256;
/** What a number holds. */
const numberBytes = 6;

/** A ciphertext ends with the tag of AES-GCM: no two have the same bytes there, so that two numbers tell them apart. */
interface Known {
  readonly before: number;
  /** Of the end of the request. */
  readonly request: number;
}

/** Throws a rotation `Fault` REPLY_REPEATED for a ciphertext that has come before, in reply to something else. */
export type RefuseRepeated = (reply: Uint8Array, request: Uint8Array | null) => void;

/**
 * Each encryption has an IV of its own, so the KMS never gives one ciphertext for two. A gateway that caches
 * by URL would: the URL is the same for all records, and so is all else in the reply that could be checked.
 * `request` is the ciphertext that was sent; null where each reply must be a new one.
 */
export function createRefuseRepeated(): RefuseRepeated {
  /** The last replies by their end, the oldest first. */
  const replies = new Map<number, Known>();
  return (reply, request) => {
    if (reply.length === 0) return;
    const end = numberBefore(reply, reply.length);
    const before = numberBefore(reply, reply.length - numberBytes);
    const sent = request === null ? 0 : numberBefore(request, request.length);
    const known = replies.get(end);
    if (known?.before === before && (request === null || known.request !== sent)) throw repeated();
    replies.set(end, { before, request: sent });
    if (replies.size <= remembered) return;
    for (const oldest of replies.keys()) {
      replies.delete(oldest);
      return;
    }
  };
}

/** The bytes that end there, as many as there are, as a number. */
function numberBefore(bytes: Uint8Array, end: number): number {
  const length = Math.min(end, numberBytes);
  return length <= 0 ? 0 : viewAsBuffer(bytes).readUIntLE(end - length, length);
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
