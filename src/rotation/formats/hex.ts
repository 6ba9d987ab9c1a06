import { Buffer } from 'node:buffer';
import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';
import { openedOne } from './opened.ts';
import { viewAsBuffer } from './utf8.ts';

/** Hexadecimal digits, all lower or all upper case; the case is kept. Digits alone count as lower case. */
export const hex: Format = {
  open(value) {
    const text = viewAsBuffer(value).toString('latin1');
    const ciphertext = Buffer.from(text, 'hex');
    if (ciphertext.length === 0) throw badFormat('hex');
    // Node's decoder stops at what is no digit, so only what encodes to the same text was hex.
    const lowerCase = ciphertext.toString('hex');
    if (lowerCase === text) return openedOne(ciphertext, sealLowerCase);
    if (lowerCase.toUpperCase() === text) return openedOne(ciphertext, sealUpperCase);
    throw badFormat('hex in one case');
  },
};

function sealLowerCase(ciphertext: Uint8Array): Uint8Array {
  return Buffer.from(viewAsBuffer(ciphertext).toString('hex'), 'latin1');
}

function sealUpperCase(ciphertext: Uint8Array): Uint8Array {
  return Buffer.from(viewAsBuffer(ciphertext).toString('hex').toUpperCase(), 'latin1');
}
