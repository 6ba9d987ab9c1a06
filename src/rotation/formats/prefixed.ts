import { Buffer } from 'node:buffer';
import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';
import { viewAsBuffer } from './utf8.ts';

/** What the inner format holds, behind a constant text. */
export function createPrefixed(prefix: string, inner: Format): Format {
  const prefixBytes = Buffer.from(prefix, 'utf8');
  return {
    open(value) {
      const length = prefixBytes.length;
      if (!viewAsBuffer(value.subarray(0, length)).equals(prefixBytes)) {
        throw badFormat(`text that begins with ${JSON.stringify(prefix)}`);
      }
      const opened = inner.open(value.subarray(length));
      return {
        ciphertext: opened.ciphertext,
        seal: (ciphertext) => Buffer.concat([prefixBytes, opened.seal(ciphertext)]),
      };
    },
  };
}
