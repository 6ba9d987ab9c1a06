import { Buffer } from 'node:buffer';
import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';
import { openedOne } from './opened.ts';
import { type LengthBounds, readSizedKey, writeSizedKey } from './sized-key.ts';

// Tink's wire format: 0x01, then the key ID, u32be. The length that stands first otherwise begins with 0x00.
const outputPrefixVersion = 0x01;
const outputPrefixLength = 5;

/** Tink reads no longer ones. */
export const tinkKeyLength = { minLength: 1, maxLength: 4096 };

/**
 * What Tink's KmsEnvelopeAead writes: `u32be length ‖ encrypted data key ‖ payload`. Its keysets write it
 * bare today; those of old templates have the output prefix TINK (`0x01 ‖ u32be key ID`) before it, which is
 * kept. LEGACY and CRUNCHY prefixes, which no template had, are not read.
 *
 * Tink wraps the data key without AAD; the AAD of the application covers the payload, which stays as it is.
 */
export function createTink(keyLength: LengthBounds): Format {
  return {
    open(value) {
      const prefix = value.subarray(0, value[0] === outputPrefixVersion ? outputPrefixLength : 0);
      const read = readSizedKey(value.subarray(prefix.length), keyLength);
      if (read === null || read.rest.length === 0) throw badFormat("an envelope of Tink's KmsEnvelopeAead");
      const seal = (wrappedKey: Uint8Array): Uint8Array =>
        Buffer.concat([prefix, writeSizedKey(wrappedKey, keyLength), read.rest]);
      return { ...openedOne(read.wrappedKey, seal), aad: 'none' };
    },
  };
}
