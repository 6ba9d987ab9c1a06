import type { Format } from './format.ts';
import { openedWithin } from './opened.ts';

/**
 * Reads bytes that are written as text. Throws a record `Fault` BAD_FORMAT where the text is not strictly so.
 */
export type Decode = (value: Uint8Array) => {
  /** Never empty. */
  readonly bytes: Uint8Array;
  /** Writes other bytes in the same manner; the same bytes give the same text. */
  readonly encode: (bytes: Uint8Array) => Uint8Array;
};

/** What the inner format holds, written as text. */
export function createEncoded(decode: Decode, inner: Format): Format {
  return {
    open(value) {
      const { bytes, encode } = decode(value);
      return openedWithin(encode, inner.open(bytes));
    },
  };
}
