import { Buffer, isUtf8 } from 'node:buffer';

/** The text of these bytes, a byte order mark included; null if they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  return isUtf8(bytes) ? viewAsBuffer(bytes).toString('utf8') : null;
}

/** The same memory with Node's fast decoders on it. */
export function viewAsBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
