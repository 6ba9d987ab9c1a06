import { Buffer } from 'node:buffer';
import { Fault } from '../faults.ts';
import { viewAsBuffer } from './utf8.ts';

const lengthBytes = 4;

/** How many bytes a wrapped key may have; `minLength` is 1 or more. */
export interface LengthBounds {
  readonly minLength: number;
  readonly maxLength: number;
}

/**
 * Reads `u32be length ‖ wrapped key ‖ rest`; null where the length is out of bounds or beyond the end. Both
 * parts share memory with `bytes`; the rest may be empty.
 */
export function readSizedKey(
  bytes: Uint8Array,
  { minLength, maxLength }: LengthBounds,
): { readonly wrappedKey: Uint8Array; readonly rest: Uint8Array } | null {
  if (bytes.length < lengthBytes) return null;
  const length = viewAsBuffer(bytes).readUInt32BE(0);
  const end = lengthBytes + length;
  if (length < minLength || length > maxLength || end > bytes.length) return null;
  return { wrappedKey: bytes.subarray(lengthBytes, end), rest: bytes.subarray(end) };
}

/** `u32be length ‖ wrapped key`. A record `Fault` BAD_FORMAT where the length is out of bounds. */
export function writeSizedKey(wrappedKey: Uint8Array, { minLength, maxLength }: LengthBounds): Uint8Array {
  if (wrappedKey.length < minLength || wrappedKey.length > maxLength) {
    throw new Fault(
      'record',
      'BAD_FORMAT',
      `the new wrapped key has ${wrappedKey.length} bytes, and this format holds ${minLength} to ${maxLength}; ` +
        'rotate to a key whose ciphertexts are so long',
    );
  }
  const sized = Buffer.allocUnsafe(lengthBytes + wrappedKey.length);
  sized.writeUInt32BE(wrappedKey.length, 0);
  sized.set(wrappedKey, lengthBytes);
  return sized;
}
