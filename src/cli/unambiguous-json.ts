import { visit } from 'jsonc-parser';

/**
 * An object in JSON that all readers read alike; null for any other text. JSON.parse alone takes the last of
 * two members of one name where a person reads the first (RFC 8785 §3.1 forbids them), and
 * 1000.000000000000000001 for 1000.
 */
export function parseUnambiguously(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return isUnambiguous(text) ? value : null;
  } catch {
    // Also a text nested so deep that it has no end in reach.
    return null;
  }
}

function isUnambiguous(text: string): boolean {
  let unambiguous = true;
  const open: Set<string>[] = [];
  visit(text, {
    onObjectBegin: () => void open.push(new Set()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty(name) {
      const names = open.at(-1);
      if (names?.has(name) === true) unambiguous = false;
      names?.add(name);
    },
    onLiteralValue(value: unknown, offset, length) {
      const written = text.slice(offset, offset + length);
      if (typeof value === 'number' && written !== String(value)) unambiguous = false;
    },
  });
  return unambiguous;
}
