/** How ciphertext lies in a stored value. Pure: the same value opens the same way each time. */
export interface Format {
  /**
   * Finds the ciphertexts in a stored value. Throws a record `Fault` BAD_FORMAT, which says what was expected
   * and never what was found. An empty ciphertext is BAD_FORMAT too.
   */
  open(value: Uint8Array): Opened;
}

export interface Opened {
  /**
   * The ciphertexts of the KMS in the value, in the order in which they lie in it: one, or one for each
   * pointer of a JSON format. Never none, none of them empty.
   * They may share memory with the value: do not write to them.
   */
  readonly ciphertexts: readonly Uint8Array[];
  /** Which AAD the ciphertexts are bound to: that of the template, or none, whatever the template says. */
  readonly aad: 'template' | 'none';
  /**
   * The value with these ciphertexts in place of its own, aligned with them, all else as it was: sealing the
   * value's own ciphertexts gives the value back byte for byte. Throws a record `Fault` BAD_FORMAT where only
   * text can stand and a ciphertext is none.
   */
  seal(ciphertexts: readonly Uint8Array[]): Uint8Array;
  /**
   * Where the one ciphertext is a wrapped data key that can be replaced,
   * what lies under that key; else null.
   */
  readonly envelope: Envelope | null;
}

/** A payload under a data key of its own, by AES-GCM. */
export interface Envelope {
  /** 12 bytes. */
  readonly iv: Uint8Array;
  /** Ciphertext, then the tag of 16 bytes. */
  readonly payload: Uint8Array;
  /** The value with another wrapped key, IV and payload in place of its own. */
  sealWith(wrappedKey: Uint8Array, iv: Uint8Array, payload: Uint8Array): Uint8Array;
}

/** Formats that need no further settings. */
export const plainFormats = ['raw', 'base64', 'base64url', 'hex', 'text'] as const;
export type PlainFormat = (typeof plainFormats)[number];

/** Which format a store's values have, as the config names it. */
export type FormatSpec =
  | PlainFormat
  /** A string inside a JSON document, at this JSON pointer (RFC 6901). */
  | { readonly json: string; readonly format: PlainFormat }
  /** Behind this text. */
  | { readonly prefix: string; readonly format: PlainFormat };
