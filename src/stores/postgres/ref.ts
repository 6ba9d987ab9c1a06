import type { Ref } from '../../rotation/record.ts';

/** A ref is the JSON array of the key columns' texts, in the order of `store.key`. */
export function encodeRef(key: readonly string[]): Ref {
  const [text] = key;
  return key.length === 1 && text !== undefined && plainText.test(text) ? `["${text}"]` : JSON.stringify(key);
}

/** Nothing in it that JSON escapes or this store refuses. Most keys are so, and each record passes here three times. */
const plainText = /^[^"\\\p{Cc}\p{Cs}]*$/u;
const plainRef = /^\["([^"\\\p{Cc}\p{Cs}]*)"\]$/u;

/** The key that a ref addresses; null if this store cannot have made the ref. */
export function parseRef(ref: Ref, columns: number): string[] | null {
  const plain = columns === 1 ? plainRef.exec(ref)?.[1] : undefined;
  if (plain !== undefined) return [plain];
  let json: unknown;
  try {
    json = JSON.parse(ref);
  } catch {
    return null;
  }
  if (!Array.isArray(json) || json.length !== columns || !json.every(isKeyText)) return null;
  // One key has one ref: another spelling of it is not ours.
  return encodeRef(json) === ref ? json : null;
}

/** PostgreSQL's text holds neither U+0000 nor half of a surrogate pair. */
function isKeyText(text: unknown): text is string {
  return typeof text === 'string' && !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
