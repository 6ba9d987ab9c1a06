import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEmbeddedDatabase } from '../../src/broker/embedded.ts';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import { quoteName } from '../../src/stores/postgres/quote-name.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { replacementOf } from '../../src/rotation/record.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';
import { runs } from '../support/property-runs.ts';

const awkward = [
  '',
  ' ',
  '"',
  "'",
  '\\',
  '\\x',
  '\n',
  '\t\r',
  '{',
  '}',
  '{},(")',
  'NULL',
  'null',
  '$1',
  '--',
  ';',
  '%',
  'é',
  'e\u0301',
  'ß',
  '\u{1F600}',
  '\u202E',
  '\u2028',
  '["1"]',
];
const text = fc
  .oneof(
    fc.constantFrom(...awkward),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({ maxLength: 12 }),
  )
  .map((value) => value.replaceAll('\0', ''));
const hex = fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const inQuotes = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
const day = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const micros = fc.integer({ min: 0, max: 999_999 }).map((value) => String(value).padStart(6, '0'));
const instant = fc.oneof(
  fc.constantFrom(
    'infinity',
    '-infinity',
    '4713-01-01 00:00:00.000001 BC',
    '294276-12-31 23:59:59.999999+00',
  ),
  fc
    .tuple(day, micros, fc.constantFrom('+00', '+05:45', '-03'))
    .map(([date, fraction, zone]) => `${date} 03:04:05.${fraction}${zone}`),
);
const decimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.stringMatching(/^\d{0,20}$/))
  .map(([whole, fraction]) => (fraction === '' ? `${whole}` : `${whole}.${fraction}`));

/** Texts of keys, by the type of their column. */
const keyTypes: readonly (readonly [type: string, texts: fc.Arbitrary<string>])[] = [
  ['text', text],
  ['text COLLATE any_case', text],
  ['text COLLATE "en-x-icu"', text],
  ['citext', text],
  ['char(5)', fc.string({ maxLength: 5 })],
  ['varchar(12)', fc.string({ maxLength: 12 })],
  ['bigint', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)],
  ['numeric', fc.oneof(fc.constantFrom('NaN', 'Infinity', '1.0', '1.000'), decimal)],
  ['double precision', fc.double().map(String)],
  ['uuid', fc.uuid()],
  ['bytea', hex.map((digits) => `\\x${digits}`)],
  ['timestamptz', instant],
  ['date', fc.oneof(fc.constantFrom('infinity', '0044-03-15 BC'), day)],
  [
    'interval',
    fc
      .tuple(fc.integer({ min: -90, max: 90 }), fc.integer({ min: -90, max: 90 }))
      .map(([months, days]) => `${months} months ${days} days`),
  ],
  ['boolean', fc.boolean().map(String)],
  ['text[]', fc.array(text, { maxLength: 3 }).map((items) => `{${items.map(inQuotes).join(',')}}`)],
  ['tag', fc.constantFrom('a "quoted"', "it's", '', 'z,)')],
  ['pair', fc.tuple(fc.integer(), text).map(([left, right]) => `(${left},${inQuotes(right)})`)],
  ['positive', fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(String)],
];

let database: Awaited<ReturnType<typeof freshDatabase>>;
let server: SqlPool;
let embedded: SqlPool;

beforeAll(async () => {
  database = await freshDatabase();
  server = await connectPostgres(database.url, { connections: 1 });
  embedded = await openEmbeddedDatabase('memory://');
  await server.query(`
    CREATE EXTENSION citext;
    CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TYPE tag AS ENUM ('z,)', 'a "quoted"', '', 'it''s');
    CREATE TYPE pair AS (id int, name text);
    CREATE DOMAIN positive AS int CHECK (value > 0)`);
});
afterAll(async () => {
  await server.end();
  await embedded.end();
  await database.drop();
});

/**
 * Makes a table with these keys, and proves that each record is found, read and replaced by its ref alone.
 */
async function proveKeys(
  pool: SqlPool,
  types: readonly string[],
  keys: readonly (readonly string[])[],
  names: TableNames = plainNames,
): Promise<void> {
  const table = quoteName(names.table);
  const columns = types.map((_, place) => names.key[place] ?? `key${place}`);
  const quoted = columns.map((name) => quoteName(name)).join(', ');
  await pool.query(
    `CREATE TABLE ${table} (${types.map((type, place) => `${quoteName(columns[place] ?? '')} ${type}`).join(', ')}, ${quoteName(names.value)} text, PRIMARY KEY (${quoted}))`,
  );
  try {
    for (const [row, key] of keys.entries()) {
      const casts = types
        .map((type, place) => `$${place + 1}::text::${type.replace(/ COLLATE.*/, '')}`)
        .join(', ');
      await pool.query(`INSERT INTO ${table} VALUES (${casts}, 'value ${row}') ON CONFLICT DO NOTHING`, [
        ...key,
      ]);
    }
    const { rows } = await pool.query(`SELECT ${quoteName(names.value)} AS value FROM ${table}`);
    const values = rows.map((row) => String(row['value'])).toSorted();
    const store = await openPostgresStore({
      pool: shared(pool),
      table,
      key: columns,
      column: names.value,
      fields: columns,
    });

    const refs = await scanInSteps(store);
    const records = await store.read(refs);
    expect(records.map(({ value }) => Buffer.from(value).toString()).toSorted()).toEqual(values);
    for (const { ref, fields } of records)
      expect(JSON.parse(ref)).toEqual(columns.map((name) => fields[name]));
    const changes = records.map((record) =>
      replacementOf(record, Buffer.concat([record.value, Buffer.from('!')]), 'v2'),
    );
    expect(await store.replace(changes)).toEqual(changes.map(() => 'replaced'));
    const after = await pool.query(`SELECT ${quoteName(names.value)} AS value FROM ${table}`);
    expect(after.rows.map((row) => String(row['value'])).toSorted()).toEqual(
      values.map((value) => `${value}!`),
    );
  } finally {
    await pool.query(`DROP TABLE ${table}`);
  }
}

/** Begins anew behind every page, so that every step is a comparison made by PostgreSQL. */
async function scanInSteps(store: RecordStore): Promise<string[]> {
  const refs: string[] = [];
  let cursor: string | null = null;
  for (;;) {
    const step = await store.scan(cursor, 2, new AbortController().signal)[Symbol.asyncIterator]().next();
    if (step.done === true) return refs;
    refs.push(...step.value.refs);
    cursor = step.value.cursor;
  }
}

interface TableNames {
  readonly table: string;
  readonly key: readonly string[];
  readonly value: string;
}
const plainNames: TableNames = { table: 'records', key: [], value: 'secret' };

describe('every record is addressed by its own key, and by none other', () => {
  test.each(keyTypes)('of type %s', async (type, texts) => {
    const keys = fc.uniqueArray(texts, { maxLength: 12 }).map((list) => list.map((key) => [key]));
    await fc.assert(
      fc.asyncProperty(keys, (list) => proveKeys(server, [type], list)),
      runs(4),
    );
  });

  test('of several columns of any types', async () => {
    const several = fc
      .array(fc.constantFrom(...keyTypes), { minLength: 2, maxLength: 4 })
      .chain((types) =>
        fc.tuple(
          fc.constant(types.map(([type]) => type)),
          fc.array(fc.tuple(...types.map(([, texts]) => texts)), { maxLength: 8 }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(several, ([types, keys]) => proveKeys(server, types, keys)),
      runs(10),
    );
  });

  test('in a table and columns of any names', async () => {
    const name = fc
      .oneof(
        fc.constantFrom(
          'user',
          'select',
          'place',
          'key_0',
          'keyturn_wanted.key_0',
          'Mixed "Case"',
          "it's",
          'a.b',
          '$1',
          'ü',
        ),
        text,
      )
      .filter((value) => value !== '' && Buffer.byteLength(value) < 60);
    const names = fc
      .uniqueArray(name, { minLength: 4, maxLength: 4 })
      .map(([table = '', value = '', ...key]) => ({ table, value, key }));
    const keys = fc.array(fc.tuple(text, text), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(names, keys, (given, list) => proveKeys(server, ['text', 'text'], list, given)),
      runs(10),
    );
  });

  test('in the embedded database', async () => {
    const keys = fc.array(fc.tuple(text, fc.integer().map(String)), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(keys, (list) => proveKeys(embedded, ['text', 'bigint'], list)),
      runs(5),
    );
  });
});
