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

/** A data key in the clear, and the AAD that the payload under it is bound to. */
export interface PayloadKey {
  readonly dataKey: Uint8Array;
  readonly aad: Uint8Array;
}

/**
 * Brings a payload from under one key under another. Its plaintext lives within this call alone, in a buffer
 * that is filled with zeros before it returns. Throws a record `Fault` PAYLOAD_REFUSED where key, AAD or bytes do
 * not fit together.
 */
export function resealPayload(sealed: SealedPayload, from: PayloadKey, to: PayloadKey): SealedPayload {
  const plaintext = openPayload(sealed, from);
  try {
    return sealPayload(plaintext, to);
  } finally {
    plaintext.fill(0);
  }
}

/** The plaintext, which the caller fills with zeros. Throws a record `Fault`. */
export function openPayload({ iv, payload }: SealedPayload, { dataKey, aad }: PayloadKey): Buffer {
  const tagAt = payload.length - tagBytes;
  if (tagAt < 0) throw payloadRefused();
  const decipher = createDecipheriv(algorithmFor(dataKey), dataKey, iv, { authTagLength: tagBytes });
  decipher.setAAD(aad).setAuthTag(payload.subarray(tagAt));
  const plaintext = decipher.update(payload.subarray(0, tagAt));
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    throw payloadRefused();
  }
}

/** Throws a record `Fault` BAD_DATA_KEY. */
export function sealPayload(plaintext: Uint8Array, { dataKey, aad }: PayloadKey): SealedPayload {
  // NIST SP 800-38D §8.2.2: a random IV, under a key that seals this one payload.
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithmFor(dataKey), dataKey, iv, { authTagLength: tagBytes });
  cipher.setAAD(aad);
  return { iv, payload: Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]) };
}

function algorithmFor({ length }: Uint8Array): (typeof algorithms)[keyof typeof algorithms] {
  if (length === 16 || length === 24 || length === 32) return algorithms[length];
  throw new Fault(
    'record',
    'BAD_DATA_KEY',
    'the data key is no AES key of 128, 192 or 256 bits; is this an envelope of another kind?',
  );
}

function payloadRefused(): Fault {
  return new Fault(
    'record',
    'PAYLOAD_REFUSED',
    'the payload does not open under its data key; check source.aadContext, or the value is damaged',
  );
}
