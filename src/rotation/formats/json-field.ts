import { Buffer } from 'node:buffer';
import { type Node, parseTree } from 'jsonc-parser';
import { badFormat, notText } from './bad-format.ts';
import type { Format } from './format.ts';
import { parseJsonPointer } from './json-pointer.ts';
import { openedWithin } from './opened.ts';
import { decodeUtf8 } from './utf8.ts';

/** A string in a JSON document; its text is of the inner format. Only its own characters are replaced. */
export function createJsonField(pointer: string, inner: Format): Format {
  const steps = parseJsonPointer(pointer);
  const where = pointer === '' ? 'a JSON string' : `JSON with one string at ${pointer}`;
  return {
    open(value) {
      const document = decodeUtf8(value);
      const root = document === null ? null : parseStrictJson(document);
      if (document === null || root === null) throw badFormat('JSON in UTF-8');

      const found = steps.reduce<Node | null>((node, step) => node && findChild(node, step), root);
      const text: unknown = found?.value;
      // A surrogate without its other half (`"\ud800"`) has no UTF-8, so it would not come back as it was.
      if (found === null || typeof text !== 'string' || /\p{Surrogate}/u.test(text)) throw badFormat(where);

      const before = document.slice(0, found.offset);
      const after = document.slice(found.offset + found.length);
      const sealPart = (part: Uint8Array): Uint8Array => {
        const sealed = decodeUtf8(part);
        if (sealed === null) throw notText();
        // JSON has several spellings of one string (`\/`, `\u002b`): the same text stays as it was spelt.
        if (sealed === text) return value;
        return Buffer.from(before + JSON.stringify(sealed) + after, 'utf8');
      };
      return openedWithin(sealPart, inner.open(Buffer.from(text, 'utf8')));
    },
  };
}

function parseStrictJson(document: string): Node | null {
  try {
    // JSON.parse decides what is JSON; the tree, which forgives comments and more, only knows the offsets.
    JSON.parse(document);
    return parseTree(document) ?? null;
  } catch {
    // Not JSON, or nested so deep that the tree's recursion overflows.
    return null;
  }
}

/** Null where there is no such child, and where a repeated member name leaves open which one is meant. */
function findChild(node: Node, step: string): Node | null {
  const children = node.children ?? [];
  if (node.type === 'array') return (/^(?:0|[1-9]\d*)$/.test(step) ? children[Number(step)] : null) ?? null;
  if (node.type !== 'object') return null;
  const members = children.filter((property) => property.children?.[0]?.value === step);
  return members.length === 1 ? (members[0]?.children?.[1] ?? null) : null;
}
