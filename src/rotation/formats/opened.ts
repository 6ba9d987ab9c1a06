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
    ...inner,
    seal: (ciphertexts) => sealPart(inner.seal(ciphertexts)),
    envelope: envelope && {
      ...envelope,
      sealWith: (wrappedKey, iv, payload) => sealPart(envelope.sealWith(wrappedKey, iv, payload)),
    },
  };
}
