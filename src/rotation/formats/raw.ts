import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';

/** The value is the ciphertext. */
export const raw: Format = {
  open(value) {
    if (value.length === 0) throw badFormat('a ciphertext: it is empty');
    return { ciphertext: value, seal: (ciphertext) => ciphertext };
  },
};
