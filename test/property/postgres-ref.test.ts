import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeRef, parseRef } from '../../src/stores/postgres/ref.ts';
import { runs } from '../support/property-runs.ts';

const unit = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }) },
  fc.constantFrom(
    '"',
    '\\',
    '\n',
    '\u0000',
    '\u001f',
    '\u007f',
    '\u0085',
    '\u2028',
    '\ud83d\ude00',
    '\ud83d',
    '[',
  ),
);
const key = fc.array(fc.string({ unit, maxLength: 12 }), { minLength: 1, maxLength: 3 });

test('a ref is the JSON of its key, and gives back what PostgreSQL can hold, by the short way as by the long one', () => {
  fc.assert(
    fc.property(key, (texts) => {
      const ref = encodeRef(texts);
      expect(ref).toBe(JSON.stringify(texts));
      const isHeld = texts.every((text) => text.isWellFormed() && !text.includes('\0'));
      expect(parseRef(ref, texts.length)).toEqual(isHeld ? texts : null);
      expect(parseRef(ref, texts.length + 1)).toBeNull();
    }),
    runs(1000),
  );
});

test.each(['["1" ]', '[ "1"]', '["\\u0031"]', '["1"', '"1"', '[1]', '["1"]\n', '[]', 'null', ''])(
  'what this store cannot have made addresses nothing: %j',
  (ref) => expect(parseRef(ref, 1)).toBeNull(),
);
