import { Buffer } from 'node:buffer';
import { type Node, parseTree } from 'jsonc-parser';
import { badFormat, notText } from './bad-format.ts';
import type { Format } from './format.ts';
import { parseJsonPointer } from './json-pointer.ts';
import { openedInParts, openedWithin } from './opened.ts';
import { decodeUtf8 } from './utf8.ts';

/** A string of the document: its text, and where it stands, quotes included. */
interface Field {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Strings in a JSON document, one at each pointer; the text of each is of the inner format. Only their own
 * characters are replaced. The pointers differ and none leads into another, so that no two name one string.
 */
export function createJsonFields(pointers: readonly string[], inner: Format): Format {
  const finders = pointers.map(createFinder);
  return {
    open(value) {
      const document = decodeUtf8(value);
      const root = document === null ? null : parseStrictJson(document);
      if (document === null || root === null) throw badFormat('JSON in UTF-8');

      const fields = finders.map((find) => find(root));
      const opened = fields.map((field) => inner.open(Buffer.from(field.text, 'utf8')));
      const sealFields = (texts: readonly Uint8Array[]): Uint8Array => replaceFields(document, fields, texts);
      const [first] = opened;
      return first !== undefined && opened.length === 1
        ? openedWithin((text) => sealFields([text]), first)
        : openedInParts(sealFields, opened);
    },
  };
}

/** Finds the string at a pointer; throws BAD_FORMAT where there is none. */
function createFinder(pointer: string): (root: Node) => Field {
  const steps = parseJsonPointer(pointer);
  const where = pointer === '' ? 'a JSON string' : `JSON with one string at ${pointer}`;
  return (root) => {
    const found = steps.reduce<Node | null>((node, step) => node && findChild(node, step), root);
    const text: unknown = found?.value;
    // A surrogate without its other half (`"\ud800"`) has no UTF-8, so it would not come back as it was.
    if (found === null || typeof text !== 'string' || /\p{Surrogate}/u.test(text)) throw badFormat(where);
    return { text, start: found.offset, end: found.offset + found.length };
  };
}

/** The document with other texts, aligned with `fields`. */
function replaceFields(document: string, fields: readonly Field[], texts: readonly Uint8Array[]): Uint8Array {
  const replaced = fields.map((field, index) => {
    const text = decodeUtf8(texts[index] ?? new Uint8Array());
    if (text === null) throw notText();
    // JSON has several spellings of one string (`\/`, `\u002b`): the same text stays as it was spelt.
    return {
      ...field,
      spelling: text === field.text ? document.slice(field.start, field.end) : JSON.stringify(text),
    };
  });
  let written = '';
  let end = 0;
  for (const field of replaced.toSorted((a, b) => a.start - b.start)) {
    written += document.slice(end, field.start) + field.spelling;
    end = field.end;
  }
  return Buffer.from(written + document.slice(end), 'utf8');
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
