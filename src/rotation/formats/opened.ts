import type { Opened } from './format.ts';

/** A value that holds one ciphertext, bound to the AAD of the template. */
export function openedOne(ciphertext: Uint8Array, seal: (ciphertext: Uint8Array) => Uint8Array): Opened {
  return {
    ciphertexts: [ciphertext],
    aad: 'template',
    seal: ([sealed = ciphertext]) => seal(sealed),
    envelope: null,
  };
}

/** What `inner` found in a part of the value that `sealPart` puts back. */
export function openedWithin(sealPart: (part: Uint8Array) => Uint8Array, inner: Opened): Opened {
  const { envelope } = inner;
  return {
    ciphertexts: inner.ciphertexts,
    aad: inner.aad,
    seal: (ciphertexts) => sealPart(inner.seal(ciphertexts)),
    envelope: envelope && {
      iv: envelope.iv,
      payload: envelope.payload,
      sealWith: (wrappedKey, iv, payload) => sealPart(envelope.sealWith(wrappedKey, iv, payload)),
    },
  };
}

/**
 * What one inner format found in several parts of the value, which `sealParts` puts back, aligned with
 * `inner`. Has no envelope, since that belongs to one wrapped key.
 */
export function openedInParts(
  sealParts: (parts: readonly Uint8Array[]) => Uint8Array,
  inner: readonly Opened[],
): Opened {
  return {
    ciphertexts: inner.flatMap((opened) => opened.ciphertexts),
    aad: inner.every((opened) => opened.aad === 'none') ? 'none' : 'template',
    seal(ciphertexts) {
      let end = 0;
      const parts = inner.map((opened) => {
        const start = end;
        end += opened.ciphertexts.length;
        return opened.seal(ciphertexts.slice(start, end));
      });
      return sealParts(parts);
    },
    envelope: null,
  };
}
