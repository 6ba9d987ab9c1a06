import { Buffer } from 'node:buffer';
import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';
import { openedOne } from './opened.ts';
import { viewAsBuffer } from './utf8.ts';

type Alphabet = 'base64' | 'base64url';

/** What writers of base64 do differently, and what is kept when a value is written again. */
interface Style {
  readonly padded: boolean;
  /** Characters per line; Infinity where all is one line. */
  readonly lineWidth: number;
  readonly lineBreak: string;
  readonly endsWithBreak: boolean;
}

/**
 * Base64 with the alphabet of RFC 4648 §4 or §5. Padding may be missing, and lines may be broken at a fixed
 * width (MIME, `openssl base64`, PostgreSQL's encode()), with a break at the end or none; the new value is
 * written in the same manner. All else that lenient decoders take (blanks, the other alphabet, stray bits) is
 * BAD_FORMAT.
 */
export function createBase64(alphabet: Alphabet): Format {
  // RFC 4648 §3.2 and §5: padding is the rule, but common practice leaves it out of base64url, as Node does.
  const plain: Style = {
    padded: alphabet === 'base64',
    lineWidth: Infinity,
    lineBreak: '\n',
    endsWithBreak: false,
  };
  const sealPlain = (ciphertext: Uint8Array): Uint8Array =>
    Buffer.from(viewAsBuffer(ciphertext).toString(alphabet), 'latin1');

  return {
    open(value) {
      const text = viewAsBuffer(value).toString('latin1');
      const ciphertext = Buffer.from(text, 'base64');
      if (ciphertext.length === 0) throw badFormat(alphabet);
      // Node's decoder passes over whatever is not base64,
      // so the value counts only if it encodes to the same text.
      if (ciphertext.toString(alphabet) === text) return openedOne(ciphertext, sealPlain);
      const style = readStyle(text, ciphertext.length, plain);
      const seal = (sealed: Uint8Array): Uint8Array => Buffer.from(write(sealed, alphabet, style), 'latin1');
      if (write(ciphertext, alphabet, style) !== text) throw badFormat(alphabet);
      return openedOne(ciphertext, seal);
    },
  };
}

function readStyle(text: string, ciphertextLength: number, plain: Style): Style {
  const lineBreak = text.includes('\r\n') ? '\r\n' : '\n';
  const firstLine = text.indexOf(lineBreak);
  const isOneLine = firstLine <= 0 || firstLine + lineBreak.length === text.length;
  const needsPadding = ciphertextLength % 3 !== 0;
  return {
    padded: needsPadding ? text.includes('=') : plain.padded,
    lineWidth: isOneLine ? Infinity : firstLine,
    lineBreak,
    endsWithBreak: text.endsWith(lineBreak),
  };
}

function write(ciphertext: Uint8Array, alphabet: Alphabet, style: Style): string {
  const unpadded = viewAsBuffer(ciphertext).toString(alphabet).replace(/=+$/, '');
  const characters = style.padded ? unpadded.padEnd(Math.ceil(unpadded.length / 4) * 4, '=') : unpadded;
  const lines = [];
  for (let start = 0; start < characters.length; start += style.lineWidth) {
    lines.push(characters.slice(start, start + style.lineWidth));
  }
  return lines.join(style.lineBreak) + (style.endsWithBreak ? style.lineBreak : '');
}
