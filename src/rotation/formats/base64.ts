import { Buffer } from 'node:buffer';
import { badFormat } from './bad-format.ts';
import type { Decode } from './encoded.ts';
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
export function createBase64Decoder(alphabet: Alphabet): Decode {
  // RFC 4648 §3.2 and §5: padding is the rule, but common practice leaves it out of base64url, as Node does.
  const plain: Style = {
    padded: alphabet === 'base64',
    lineWidth: Infinity,
    lineBreak: '\n',
    endsWithBreak: false,
  };
  const encodePlain = (bytes: Uint8Array): Uint8Array =>
    Buffer.from(viewAsBuffer(bytes).toString(alphabet), 'latin1');

  return (value) => {
    const text = viewAsBuffer(value).toString('latin1');
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length === 0) throw badFormat(alphabet);
    // Node's decoder passes over whatever is not base64, so the value counts only if it encodes to the same
    // text.
    if (bytes.toString(alphabet) === text) return { bytes, encode: encodePlain };
    const style = readStyle(text, bytes.length, plain);
    if (write(bytes, alphabet, style) !== text) throw badFormat(alphabet);
    return { bytes, encode: (other) => Buffer.from(write(other, alphabet, style), 'latin1') };
  };
}

function readStyle(text: string, length: number, plain: Style): Style {
  const lineBreak = text.includes('\r\n') ? '\r\n' : '\n';
  const firstLine = text.indexOf(lineBreak);
  const isOneLine = firstLine <= 0 || firstLine + lineBreak.length === text.length;
  const needsPadding = length % 3 !== 0;
  return {
    padded: needsPadding ? text.includes('=') : plain.padded,
    lineWidth: isOneLine ? Infinity : firstLine,
    lineBreak,
    endsWithBreak: text.endsWith(lineBreak),
  };
}

function write(bytes: Uint8Array, alphabet: Alphabet, style: Style): string {
  const unpadded = viewAsBuffer(bytes).toString(alphabet).replace(/=+$/, '');
  const characters = style.padded ? unpadded.padEnd(Math.ceil(unpadded.length / 4) * 4, '=') : unpadded;
  const lines = [];
  for (let start = 0; start < characters.length; start += style.lineWidth) {
    lines.push(characters.slice(start, start + style.lineWidth));
  }
  return lines.join(style.lineBreak) + (style.endsWithBreak ? style.lineBreak : '');
}
