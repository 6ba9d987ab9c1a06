import { z } from 'zod';
import type { Ref } from '../../rotation/record.ts';

/** PostgreSQL's text holds neither U+0000 nor half of a surrogate pair. */
const keyText = z.string().refine((text) => !text.includes('\0') && !/\p{Surrogate}/u.test(text));
const keyTexts = z.array(keyText);

/** A ref is the JSON array of the key columns' texts, in the order of `store.key`. */
export function encodeRef(key: readonly string[]): Ref {
  return JSON.stringify(key);
}

/** The key that a ref addresses; null if this store cannot have made the ref. */
export function parseRef(ref: Ref, columns: number): string[] | null {
  let json: unknown;
  try {
    json = JSON.parse(ref);
  } catch {
    return null;
  }
  const key = keyTexts.safeParse(json).data;
  // One key has one ref: another spelling of it is not ours.
  return key !== undefined && key.length === columns && encodeRef(key) === ref ? key : null;
}
