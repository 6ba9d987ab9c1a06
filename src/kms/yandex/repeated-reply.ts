import { Fault } from '../../rotation/faults.ts';

/** A cache that answers for the KMS shows at once: a few times the calls in flight need be remembered, no more. */
const remembered = 256;
/** A ciphertext ends with the tag of AES-GCM, which no two have in common. */
const markBytes = 32;

/** Throws a rotation `Fault` REPLY_REPEATED for a ciphertext that has come before, in reply to something else. */
export type RefuseRepeated = (reply: Uint8Array, request: Uint8Array | null) => void;

/**
 * Each encryption has an IV of its own, so the KMS never gives one ciphertext for two. A gateway that caches
 * by URL would: the URL is the same for all records, and so is all else in the reply that could be checked.
 * `request` is the ciphertext that was sent; null where each reply must be a new one.
 */
export function createRefuseRepeated(): RefuseRepeated {
  /** The last replies and what they were to, in a ring; the end of each tells which of them it is worth to compare. */
  const marks = new Int32Array(remembered);
  const replies: Uint8Array[] = [];
  const requests: (Uint8Array | null)[] = [];
  let next = 0;

  function isRepeated(place: number, reply: Uint8Array, request: Uint8Array | null): boolean {
    const known = replies[place];
    if (known === undefined || Buffer.compare(known, reply) !== 0) return false;
    const sent = requests[place] ?? null;
    return request === null || sent === null || Buffer.compare(sent, request) !== 0;
  }

  return (reply, request) => {
    if (reply.length === 0) return;
    const mark = markOf(reply);
    for (let place = marks.indexOf(mark); place >= 0; place = marks.indexOf(mark, place + 1))
      if (isRepeated(place, reply, request)) throw repeated();
    marks[next] = mark;
    replies[next] = reply;
    requests[next] = request;
    next = (next + 1) % remembered;
  };
}

function markOf(reply: Uint8Array): number {
  let mark = 0;
  for (let place = Math.max(0, reply.length - markBytes); place < reply.length; place += 1)
    mark = Math.imul(mark, 31) + (reply[place] ?? 0);
  return mark | 0;
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
