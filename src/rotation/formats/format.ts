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
   * The ciphertexts of the KMS in the value: one, or one for each pointer of a JSON format, in the order of
   * the pointers. May share memory with the value: do not write to them. Never none, none of them empty.
   */
  readonly ciphertexts: readonly Uint8Array[];
  /** Which AAD the ciphertexts are bound to: that of the template, or none, whatever the template says. */
  readonly aad: 'template' | 'none';
  /**
   * The value with these ciphertexts in place of its own, aligned with them, all else as it was: sealing the
   * value's own ciphertexts gives the value back byte for byte. Throws a record `Fault` BAD_FORMAT where only
   * text can stand and a ciphertext is none, or where it is longer than readers of the format take.
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
  /** The value with another wrapped key, IV and payload in place of its own. Throws as `seal` does. */
  sealWith(wrappedKey: Uint8Array, iv: Uint8Array, payload: Uint8Array): Uint8Array;
}

/** Formats that need no further settings. */
export const plainFormats = ['raw', 'base64', 'base64url', 'hex', 'text', 'tink', 'envelope'] as const;
export type PlainFormat = (typeof plainFormats)[number];

/** Ways to write bytes as text. */
export const encodings = ['base64', 'base64url', 'hex'] as const satisfies readonly PlainFormat[];
export type Encoding = (typeof encodings)[number];

/** One format, as the config names it. */
export type SingleFormat =
  | PlainFormat
  /** A string inside a JSON document, at this JSON pointer (RFC 6901), or one at each of several. */
  | { readonly json: string | readonly string[]; readonly format: SingleFormat }
  /** Behind this text. */
  | { readonly prefix: string; readonly format: SingleFormat }
  /** Bytes of the inner format, written as text. */
  | { readonly encoding: Encoding; readonly format: SingleFormat };

/**
 * Which format a store's values have. Of a list the first that opens a value has it. A value may fit two:
 * hexadecimal digits are also base64, and base64 without `+ / - _` is of both alphabets. So the stricter one
 * goes first, and both alphabets in one list are for readers that take either. JSON that fits several changes
 * in the strings of the first alone: name the one with the most pointers first.
 */
export type FormatSpec = SingleFormat | readonly SingleFormat[];
