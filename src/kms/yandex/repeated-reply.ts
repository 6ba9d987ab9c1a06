import { Fault } from '../../rotation/faults.ts';
/**
 * Places for replies. Each has the place that its tag, which is as good as random, gives it, and keeps it until another
 * comes there: a cache that answers for the KMS shows at once, and each record passes here, so that nothing is left for
 * the collector of garbage.
 */
const places = 4096;
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
  /** Of the reply in each place; 0 where none has come. */
  const lengths = new Uint32Array(places);
  const replies = new Uint8Array(places * endBytes);
  const requests = new Uint8Array(places * endBytes);
  return (reply, request) => {
    if (reply.length === 0) return;
    const place = placeOf(reply);
    const at = place * endBytes;
    const sent = request ?? nothing;
    const isKnown = lengths[place] === reply.length && hasEnd(replies, at, reply);
    if (isKnown && (request === null || !hasEnd(requests, at, sent))) throw repeated();
    lengths[place] = reply.length;
    putEnd(replies, at, reply);
    putEnd(requests, at, sent);
  };
}

const nothing = new Uint8Array();

function placeOf(reply: Uint8Array): number {
  const last = reply.length - 1;
  return (((reply[last - 1] ?? 0) << 8) | (reply[last] ?? 0)) % places;
}

/** One that is shorter counts as if it began with zeros. */
function byteOfEnd(bytes: Uint8Array, place: number): number {
  const index = bytes.length - endBytes + place;
  return index < 0 ? 0 : (bytes[index] ?? 0);
}

function hasEnd(kept: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let place = 0; place < endBytes; place += 1)
    if (kept[at + place] !== byteOfEnd(bytes, place)) return false;
  return true;
}

function putEnd(kept: Uint8Array, at: number, bytes: Uint8Array): void {
  for (let place = 0; place < endBytes; place += 1) kept[at + place] = byteOfEnd(bytes, place);
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
