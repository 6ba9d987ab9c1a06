import { isRecord } from './is-record.ts';
import type { Problem } from './problem.ts';

/** Bytes that an application may have put there. */
const mayHoldNul: ReadonlySet<PropertyKey> = new Set(['aadContext', 'prefix']);

/**
 * Texts with characters that no peer takes: half of a surrogate pair has no UTF-8, and U+0000 ends or spoils
 * names of files, tables and keys. What is in a module's own options is its affair.
 */
export function characterProblems(node: unknown, path: readonly PropertyKey[] = []): Problem[] {
  if (path[0] === 'store' && path[1] === 'options') return [];
  if (Array.isArray(node)) return node.flatMap((item, index) => characterProblems(item, [...path, index]));
  if (isRecord(node))
    return Object.entries(node).flatMap(([name, value]) => characterProblems(value, [...path, name]));
  if (typeof node !== 'string') return [];
  if (/\p{Cs}/u.test(node))
    return [{ path, message: 'holds half of a character (a lone surrogate); write it anew' }];
  const isSpoilt = node.includes('\0') && !mayHoldNul.has(path.at(-1) ?? '');
  return isSpoilt ? [{ path, message: 'holds the character U+0000; take it out' }] : [];
}
