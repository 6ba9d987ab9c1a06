import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';
import { openedOne } from './opened.ts';

/** The value is the ciphertext. */
export const raw: Format = {
  open(value) {
    if (value.length === 0) throw badFormat('a ciphertext: it is empty');
    return openedOne(value, (ciphertext) => ciphertext);
  },
};
