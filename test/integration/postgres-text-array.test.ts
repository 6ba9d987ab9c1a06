import fc from 'fast-check';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { writeTextArray } from '../../src/stores/postgres/text-array.ts';
import { freshDatabase } from '../support/peers.ts';
import { runs } from '../support/property-runs.ts';

/** What PostgreSQL's text can hold. */
const text = fc
  .oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom('NULL', '', '{}', '\\"', ',', ' a '))
  .filter((each) => each.isWellFormed() && !each.includes('\0'));

test('PostgreSQL reads an array of texts as what was written, whatever is in them', async () => {
  const database = await freshDatabase();
  const sql = new pg.Client(database.url);
  onTestFinished(async () => {
    await sql.end();
    await database.drop();
  });
  await sql.connect();
  await fc.assert(
    fc.asyncProperty(fc.array(text), async (texts) => {
      const { rows } = await sql.query('SELECT $1::text[] AS texts', [writeTextArray(texts)]);
      expect(rows).toEqual([{ texts }]);
    }),
    runs(),
  );
});
