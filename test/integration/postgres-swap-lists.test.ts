import fc from 'fast-check';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import { writeTextArray } from '../../src/stores/postgres/text-array.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';
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

test('a swap finds and writes bytes as they are, empty ones too, alone and among others', async () => {
  const database = await freshDatabase();
  const pool = await connectPostgres(database.url, { connections: 1 });
  onTestFinished(async () => {
    await pool.end();
    await database.drop();
  });
  await pool.query('CREATE TABLE accounts (id int PRIMARY KEY, secret bytea)');
  const store = await openPostgresStore({
    pool: shared(pool),
    table: 'accounts',
    key: ['id'],
    column: 'secret',
    fields: [],
  });
  const bytes = fc.uint8Array({ maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(bytes, bytes), { minLength: 1, maxLength: 4 }), async (pairs) => {
      await pool.query('TRUNCATE accounts');
      const changes = pairs.map(([oldValue, newValue], id) => ({
        ref: `["${id}"]`,
        oldValue,
        newValue,
        keyVersion: 'v2',
        revision: null,
      }));
      for (const { ref, oldValue } of changes)
        await pool.query('INSERT INTO accounts SELECT ($1::json ->> 0)::int, $2', [
          ref,
          Buffer.from(oldValue),
        ]);
      expect(await store.replace(changes)).toEqual(changes.map(() => 'replaced'));
      const records = await store.read(changes.map(({ ref }) => ref));
      const written = new Map(records.map(({ ref, value }) => [ref, value]));
      for (const { ref, newValue } of changes) expect(written.get(ref)).toEqual(Buffer.from(newValue));
    }),
    runs(),
  );
});
