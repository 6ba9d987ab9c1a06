import { Buffer } from 'node:buffer';
import { Fault } from '../faults.ts';
import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';
import { openedOne } from './opened.ts';
import { type LengthBounds, readSizedKey, writeSizedKey } from './sized-key.ts';

// AES-GCM as NIST SP 800-38D §8.2.1 recommends it.
const ivLength = 12;
const tagLength = 16;

/**
 * No KMS documents longer ciphertexts than AWS KMS, whose CiphertextBlob ends here: what is longer is no
 * length.
 */
export const envelopeKeyLength = { minLength: 1, maxLength: 6144 };

/**
 * A payload beside its own data key: `u32be length ‖ wrapped key ‖ IV of 12 bytes ‖ ciphertext ‖ tag of 16
 * bytes`. The ciphertext may be empty.
 */
export function createEnvelope(keyLength: LengthBounds): Format {
  return {
    open(value) {
      const read = readSizedKey(value, keyLength);
      if (read === null || read.rest.length < ivLength + tagLength) {
        throw badFormat('an envelope: length, wrapped key, IV, ciphertext, tag');
      }
      const { wrappedKey, rest } = read;
      const seal = (sealed: Uint8Array): Uint8Array =>
        Buffer.concat([writeSizedKey(sealed, keyLength), rest]);
      return {
        ...openedOne(wrappedKey, seal),
        envelope: {
          iv: rest.subarray(0, ivLength),
          payload: rest.subarray(ivLength),
          sealWith(wrappedKey, iv, payload) {
            checkPayload(iv, payload);
            return Buffer.concat([writeSizedKey(wrappedKey, keyLength), iv, payload]);
          },
        },
      };
    },
  };
}

function checkPayload(iv: Uint8Array, payload: Uint8Array): void {
  if (iv.length === ivLength && payload.length >= tagLength) return;
  throw new Fault(
    'record',
    'BAD_FORMAT',
    `a new payload has an IV of ${iv.length} bytes and ${payload.length} bytes behind it, and an envelope holds ` +
      `${ivLength} and at least ${tagLength}; encrypt it by AES-GCM with these lengths`,
  );
}
