import { Buffer } from 'node:buffer';
import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';
import { openedWithin } from './opened.ts';
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
      const sealPart = (part: Uint8Array): Uint8Array => Buffer.concat([prefixBytes, part]);
      return openedWithin(sealPart, inner.open(value.subarray(length)));
    },
  };
}
