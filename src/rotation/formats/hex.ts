import { Buffer } from 'node:buffer';
import { badFormat } from './bad-format.ts';
import type { Decode } from './encoded.ts';
import { viewAsBuffer } from './utf8.ts';

/** Hexadecimal digits, all lower or all upper case; the case is kept. Digits alone count as lower case. */
export const decodeHex: Decode = (value) => {
  const text = viewAsBuffer(value).toString('latin1');
  const bytes = Buffer.from(text, 'hex');
  if (bytes.length === 0) throw badFormat('hex');
  // Node's decoder stops at what is no digit, so only what encodes to the same text was hex.
  const lowerCase = bytes.toString('hex');
  if (lowerCase === text) return { bytes, encode: encodeLowerCase };
  if (lowerCase.toUpperCase() === text) return { bytes, encode: encodeUpperCase };
  throw badFormat('hex in one case');
};

function encodeLowerCase(bytes: Uint8Array): Uint8Array {
  return Buffer.from(viewAsBuffer(bytes).toString('hex'), 'latin1');
}

function encodeUpperCase(bytes: Uint8Array): Uint8Array {
  return Buffer.from(viewAsBuffer(bytes).toString('hex').toUpperCase(), 'latin1');
}
