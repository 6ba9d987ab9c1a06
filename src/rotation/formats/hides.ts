import { encodings, type SingleFormat } from './format.ts';

/**
 * Whether `first` opens the values of `second` too, so that in a list `second` would not be reached behind
 * it.
 */
export function hides(first: SingleFormat, second: SingleFormat): boolean {
  const [a, b] = [unfold(first), unfold(second)];
  if (a === 'raw') return true;
  if (a === 'text') return isText(b);
  // Both begin with the length of a wrapped key, and nothing in them says whose it is.
  if (typeof a === 'string') return b === 'tink' || b === 'envelope';
  if (typeof b === 'string') return false;

  if ('prefix' in a && 'prefix' in b && b.prefix.startsWith(a.prefix)) {
    const prefix = b.prefix.slice(a.prefix.length);
    return hides(a.format, prefix === '' ? b.format : { prefix, format: b.format });
  }
  if ('encoding' in a && 'encoding' in b && a.encoding === b.encoding) return hides(a.format, b.format);
  if ('json' in a && 'json' in b) {
    const pointers = new Set([b.json].flat());
    return [a.json].flat().every((pointer) => pointers.has(pointer)) && hides(a.format, b.format);
  }
  return false;
}

/** `base64` for short is raw bytes in base64. */
function unfold(spec: SingleFormat): SingleFormat {
  const encoding = encodings.find((encoding) => encoding === spec);
  return encoding === undefined ? spec : { encoding, format: 'raw' };
}

/** Whether all values of this format are text in UTF-8. */
function isText(spec: SingleFormat): boolean {
  if (typeof spec === 'string') return spec === 'text';
  return 'prefix' in spec ? isText(unfold(spec.format)) : true;
}
