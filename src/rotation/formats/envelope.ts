import { Buffer } from 'node:buffer';
import { Fault } from '../faults.ts';
import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';
import { openedOne } from './opened.ts';
import { readSizedKey, writeSizedKey } from './sized-key.ts';

// No KMS documents longer ciphertexts than AWS KMS, whose CiphertextBlob ends here: what is longer is no length.
const maxWrappedKeyLength = 6144;

// AES-GCM as NIST SP 800-38D §8.2.1 recommends it.
const ivLength = 12;
const tagLength = 16;

/**
 * A payload beside its own data key: `u32be length ‖ wrapped key ‖ IV of 12 bytes ‖ ciphertext ‖ tag of 16 bytes`.
 * The ciphertext may be empty.
 */
export const envelope: Format = {
  open(value) {
    const read = readSizedKey(value, maxWrappedKeyLength);
    if (read === null || read.rest.length < ivLength + tagLength) {
      throw badFormat('an envelope: length, wrapped key, IV, ciphertext, tag');
    }
    const { wrappedKey, rest } = read;
    const seal = (sealed: Uint8Array): Uint8Array =>
      Buffer.concat([writeSizedKey(sealed, maxWrappedKeyLength), rest]);
    return {
      ...openedOne(wrappedKey, seal),
      envelope: { iv: rest.subarray(0, ivLength), payload: rest.subarray(ivLength), sealWith },
    };
  },
};

function sealWith(wrappedKey: Uint8Array, iv: Uint8Array, payload: Uint8Array): Uint8Array {
  if (iv.length !== ivLength || payload.length < tagLength) {
    throw new Fault(
      'record',
      'BAD_FORMAT',
      `a new payload has an IV of ${iv.length} bytes and ${payload.length} bytes behind it, and an envelope holds ` +
        `${ivLength} and at least ${tagLength}; encrypt it by AES-GCM with these lengths`,
    );
  }
  return Buffer.concat([writeSizedKey(wrappedKey, maxWrappedKeyLength), iv, payload]);
}
