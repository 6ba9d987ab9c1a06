import fc from 'fast-check';
import pg from 'pg';
import { expect, test } from 'vitest';
import { writeTextArray } from '../../src/stores/postgres/text-array.ts';
import { runs } from '../support/property-runs.ts';

/** Of `text[]`. */
const typeId: number = 1009;
const parse = pg.types.getTypeParser(typeId);
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('NULL', '', '{}', '\\"', ','),
);

test('an array of texts comes back as it was, whatever is in them', () => {
  fc.assert(
    fc.property(fc.array(text), (texts) => {
      expect(parse(writeTextArray(texts))).toEqual(texts);
    }),
    runs(),
  );
});
