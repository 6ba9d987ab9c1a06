import { createBase64 } from './base64.ts';
import type { Format, FormatSpec, PlainFormat } from './format.ts';
import { hex } from './hex.ts';
import { createJsonField } from './json-field.ts';
import { createPrefixed } from './prefixed.ts';
import { raw } from './raw.ts';
import { text } from './text.ts';

const plain: Readonly<Record<PlainFormat, Format>> = {
  raw,
  text,
  hex,
  base64: createBase64('base64'),
  base64url: createBase64('base64url'),
};

/** The format that a spec names. The spec is valid: the config has checked its JSON pointer. */
export function createFormat(spec: FormatSpec): Format {
  if (typeof spec === 'string') return plain[spec];
  if ('json' in spec) return createJsonField(spec.json, plain[spec.format]);
  return createPrefixed(spec.prefix, plain[spec.format]);
}
