import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAadTemplate } from '../../src/rotation/aad-template.ts';
import { runs } from '../support/property-runs.ts';

// Text that stands for itself, or a column with its value.
const constant = fc.string({ unit: 'grapheme' });
const column = fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !/^\{|\}/.test(name));
const part = fc.oneof(constant, fc.tuple(column, fc.string({ unit: 'grapheme' })));

describe('AAD template', () => {
  test('any text and any columns come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const fields = Object.fromEntries(parts.filter((part) => typeof part !== 'string'));
        const template = parts.map((part) =>
          typeof part === 'string' ? part.replaceAll('{', '{{') : `{${part[0]}}`,
        );
        const expected = parts.map((part) => (typeof part === 'string' ? part : fields[part[0]]));
        const parsed = parseAadTemplate(template.join(''));
        expect(Buffer.from(parsed.render(fields)).toString()).toBe(expected.join(''));
        expect(parsed.fields).toEqual(
          Object.keys(fields).toSorted((a, b) => order(parts, a) - order(parts, b)),
        );
      }),
      runs(500),
    );
  });
});

function order(parts: readonly (string | [string, string])[], column: string): number {
  return parts.findIndex((part) => typeof part !== 'string' && part[0] === column);
}
