import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Fault } from './faults.ts';

const ivBytes = 12;
const tagBytes = 16;

/** By the length of the key: 16, 24 or 32 bytes. */
const algorithms = { 16: 'aes-128-gcm', 24: 'aes-192-gcm', 32: 'aes-256-gcm' } as const;

/** A payload under AES-GCM: 12 bytes of IV, and the ciphertext with its tag of 16 bytes behind. */
export interface SealedPayload {
  readonly iv: Uint8Array;
  readonly payload: Uint8Array;
}

/**
 * Brings a payload from one data key and AAD under another. Its plaintext lives within this call alone, in a
 * buffer that is filled with zeros before it returns. Throws a record `Fault` PAYLOAD_REFUSED where key, AAD
 * or bytes do not fit together.
 */
export function resealPayload(
  { iv, payload }: SealedPayload,
  from: { readonly dataKey: Uint8Array; readonly aad: Uint8Array },
  to: { readonly dataKey: Uint8Array; readonly aad: Uint8Array },
): SealedPayload {
  const tagAt = payload.length - tagBytes;
  if (tagAt < 0) throw payloadRefused();
  const decipher = createDecipheriv(algorithmFor(from.dataKey), from.dataKey, iv, {
    authTagLength: tagBytes,
  });
  decipher.setAAD(from.aad).setAuthTag(payload.subarray(tagAt));
  const plaintext = decipher.update(payload.subarray(0, tagAt));
  try {
    authenticate(() => decipher.final());
    // NIST SP 800-38D §8.2.2: a random IV, under a key that seals this one payload.
    const newIv = randomBytes(ivBytes);
    const cipher = createCipheriv(algorithmFor(to.dataKey), to.dataKey, newIv, { authTagLength: tagBytes });
    cipher.setAAD(to.aad);
    const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return { iv: newIv, payload: sealed };
  } finally {
    plaintext.fill(0);
  }
}

function algorithmFor({ length }: Uint8Array): (typeof algorithms)[keyof typeof algorithms] {
  if (length === 16 || length === 24 || length === 32) return algorithms[length];
  throw new Fault(
    'record',
    'BAD_DATA_KEY',
    'the data key is no AES key of 128, 192 or 256 bits; is this an envelope of another kind?',
  );
}

function authenticate(final: () => unknown): void {
  try {
    final();
  } catch {
    throw payloadRefused();
  }
}

function payloadRefused(): Fault {
  return new Fault(
    'record',
    'PAYLOAD_REFUSED',
    'the payload does not open under its data key; check source.aadContext, or the value is damaged',
  );
}
