import { isUtf8 } from 'node:buffer';
import { badFormat, notText } from './bad-format.ts';
import type { Format } from './format.ts';
import { openedOne } from './opened.ts';

/** The value is a ciphertext that is text by itself, as some KMSs speak it. */
export const text: Format = {
  open(value) {
    if (value.length === 0 || !isUtf8(value)) throw badFormat('non-empty UTF-8 text');
    return openedOne(value, sealText);
  },
};

function sealText(ciphertext: Uint8Array): Uint8Array {
  if (!isUtf8(ciphertext)) throw notText();
  return ciphertext;
}
