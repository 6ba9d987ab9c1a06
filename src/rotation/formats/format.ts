/** How ciphertext lies in a stored value. Pure: the same value opens the same way each time. */
export interface Format {
  /**
   * Finds the ciphertext in a stored value. Throws a record `Fault` BAD_FORMAT, which says what was expected and
   * never what was found. An empty ciphertext is BAD_FORMAT too.
   */
  open(value: Uint8Array): Opened;
}

export interface Opened {
  /** May share memory with the value: do not write to it. Never empty. */
  readonly ciphertext: Uint8Array;
  /**
   * The value with this ciphertext in place of its own, all else as it was: sealing the value's own ciphertext
   * gives the value back byte for byte. Throws a record `Fault` BAD_FORMAT where only text can stand and the
   * ciphertext is none.
   */
  seal(ciphertext: Uint8Array): Uint8Array;
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
