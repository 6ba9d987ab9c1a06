import { Buffer } from 'node:buffer';
import { Fault } from './faults.ts';

/** Additional authenticated data with columns to fill in, parsed once. */
export interface AadTemplate {
  /** As it was written. Templates of the same text give each record the same AAD. */
  readonly text: string;
  /** The columns that it names, each once, in the order of first use. */
  readonly fields: readonly string[];
  /**
   * The AAD of one record, as UTF-8. A template without columns returns the same array each time: do not
   * write to it. Throws a record `Fault` AAD_NULL, which names the column, where the text of a column is
   * NULL.
   */
  render(fields: Readonly<Record<string, string | null>>): Uint8Array;
}

interface Part {
  /** Null in the first part alone, which is what stands before any column. */
  readonly column: string | null;
  /** The constant text behind the column. */
  after: string;
}

// A doubled brace, a column, or an opening brace that is no column: empty, or never closed.
const tokens = /\{\{|\{([^}]+)\}|\{/g;

/**
 * Parses a template: `{column}` is the text of that column, `{{` a brace. A closing brace outside a column
 * stands for itself, doubled or not. Throws a usage `Fault` BAD_AAD_TEMPLATE for `{}` and for a brace that is
 * never closed. The empty template is the empty AAD.
 */
export function parseAadTemplate(text: string): AadTemplate {
  let part: Part = { column: null, after: '' };
  const parts = [part];
  let end = 0;
  for (const match of text.matchAll(tokens)) {
    part.after += text.slice(end, match.index);
    end = match.index + match[0].length;
    if (match[0] === '{{') part.after += '{';
    else if (match[1] === undefined) throw misplacedBrace(match.index + 1);
    else {
      part = { column: match[1], after: '' };
      parts.push(part);
    }
  }
  part.after += text.slice(end);

  const columns = parts.flatMap(({ column }) => column ?? []);
  return { text, fields: [...new Set(columns)], render: createRender(parts) };
}

function createRender(parts: readonly Readonly<Part>[]): AadTemplate['render'] {
  if (parts.length === 1) {
    const constant = Buffer.from(parts[0]?.after ?? '', 'utf8');
    return () => constant;
  }
  return (fields) => {
    let aad = '';
    for (const { column, after } of parts) {
      if (column !== null) aad += textOf(fields, column);
      aad += after;
    }
    return Buffer.from(aad, 'utf8');
  };
}

function textOf(fields: Readonly<Record<string, string | null>>, column: string): string {
  const text = fields[column];
  if (typeof text === 'string') return text;
  throw new Fault(
    'record',
    'AAD_NULL',
    `column ${JSON.stringify(column)} is NULL, and the AAD template needs its text; fill it, or exclude the record`,
  );
}

function misplacedBrace(position: number): Fault {
  return new Fault(
    'usage',
    'BAD_AAD_TEMPLATE',
    `the { at character ${position} names no column; write {column}, or {{ for a brace`,
  );
}
