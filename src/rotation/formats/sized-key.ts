import { Buffer } from 'node:buffer';
import { Fault } from '../faults.ts';
import { viewAsBuffer } from './utf8.ts';

const lengthBytes = 4;

/**
 * Reads `u32be length ‖ wrapped key ‖ rest`; null where the length is 0, over `maxLength` or beyond the end.
 * Both parts share memory with `bytes`; the rest may be empty.
 */
export function readSizedKey(
  bytes: Uint8Array,
  maxLength: number,
): { readonly wrappedKey: Uint8Array; readonly rest: Uint8Array } | null {
  if (bytes.length < lengthBytes) return null;
  const length = viewAsBuffer(bytes).readUInt32BE(0);
  const end = lengthBytes + length;
  if (length === 0 || length > maxLength || end > bytes.length) return null;
  return { wrappedKey: bytes.subarray(lengthBytes, end), rest: bytes.subarray(end) };
}

/** `u32be length ‖ wrapped key`. A record `Fault` BAD_FORMAT where a reader would refuse that length. */
export function writeSizedKey(wrappedKey: Uint8Array, maxLength: number): Uint8Array {
  if (wrappedKey.length === 0 || wrappedKey.length > maxLength) {
    throw new Fault(
      'record',
      'BAD_FORMAT',
      `the new wrapped key has ${wrappedKey.length} bytes, and readers of this format take 1 to ${maxLength}; ` +
        'rotate to a key whose ciphertexts are shorter',
    );
  }
  const sized = Buffer.allocUnsafe(lengthBytes + wrappedKey.length);
  sized.writeUInt32BE(wrappedKey.length, 0);
  sized.set(wrappedKey, lengthBytes);
  return sized;
}
