import { Client, escapeLiteral } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { openPostgresStore, type PostgresStoreOptions } from '../../src/stores/postgres.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';

const rowCount = 200_000;
/** So few that PostgreSQL would rather read them all than look 500 up by the index. */
const smallRows = 20_000;
const batchSize = 500;

interface Sent {
  readonly text: string;
  readonly values: readonly unknown[];
}

let database: Awaited<ReturnType<typeof freshDatabase>>;
let pool: SqlPool;
/** A session of its own, to ask for plans. */
let client: Client;
let sent: Sent[];

beforeAll(async () => {
  database = await freshDatabase();
  pool = await connectPostgres(database.url, { connections: 2 });
  client = new Client(database.url);
  await client.connect();
  await pool.query(`
    CREATE TABLE numbers (id bigint, ssn bytea, rare boolean);
    INSERT INTO numbers SELECT i, sha512(i::text::bytea), i % 50000 = 0 FROM generate_series(1, ${rowCount}) AS i;
    CREATE TABLE small (id bigint, ssn bytea);
    INSERT INTO small SELECT i, sha512(i::text::bytea) FROM generate_series(1, ${smallRows}) AS i;
    CREATE TABLE names (region int, name text COLLATE "en-x-icu", ssn text);
    INSERT INTO names SELECT i % 9, md5(i::text), md5(i::text || 'x') FROM generate_series(1, ${rowCount}) AS i;
    CREATE TABLE parts (id uuid, ssn text) PARTITION BY HASH (id);
    CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (modulus 2, remainder 0);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (modulus 2, remainder 1);
    INSERT INTO parts SELECT md5(i::text)::uuid, md5(i::text || 'x') FROM generate_series(1, ${rowCount}) AS i;
    ALTER TABLE numbers ADD PRIMARY KEY (id);
    ALTER TABLE small ADD PRIMARY KEY (id);
    ALTER TABLE names ADD PRIMARY KEY (name, region);
    ALTER TABLE parts ADD PRIMARY KEY (id);
    ANALYZE`);
}, 60_000);
afterAll(async () => {
  await client.end();
  await pool.end();
  await database.drop();
});
beforeEach(() => {
  sent = [];
});

/** The store, on a pool that notes what it is asked. */
function open(
  options: Pick<PostgresStoreOptions, 'table' | 'key'> & { where?: string },
): Promise<RecordStore> {
  const noting: SqlPool = {
    ...shared(pool),
    query(text, values) {
      sent.push({ text, values: values ?? [] });
      return pool.query(text, values);
    },
  };
  return openPostgresStore({ pool: noting, column: 'ssn', fields: [], ...options });
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `ARRAY[${value.map(literal).join(', ')}]::text[]`;
  return typeof value === 'number' ? String(value) : escapeLiteral(String(value));
}

/** The plan of a statement that was sent, made for its values or for any. */
async function planOf(
  { text, values }: Sent,
  mode: 'force_custom_plan' | 'force_generic_plan',
): Promise<string> {
  await client.query(`SET plan_cache_mode = ${mode}; PREPARE sent AS ${text}`);
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN EXECUTE sent (${values.map(literal).join(', ')})`,
  );
  await client.query('DEALLOCATE sent');
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

const large = [
  { table: 'numbers', key: ['id'] },
  { table: 'names', key: ['region', 'name'] },
  { table: 'parts', key: ['id'] },
];
describe.each([...large, { table: 'small', key: ['id'] }])('by the key of $table', (options) => {
  test.each(['force_custom_plan', 'force_generic_plan'] as const)(
    'no statement reads the whole table or sorts it (%s)',
    async (mode) => {
      const store = await open(options);
      sent = [];
      const pages = store.scan(null, batchSize, new AbortController().signal);
      let refs: readonly string[] = [];
      for await (const page of pages) {
        refs = page.refs;
        // The first statement and one that goes on.
        if (sent.length === 2) break;
      }
      const records = await store.read(refs);
      const changes = records.map(({ ref, value }) => ({
        ref,
        oldValue: value,
        newValue: value,
        keyVersion: 'v2',
        revision: null,
      }));
      expect(await store.replace(changes)).toEqual(changes.map(() => 'replaced'));
      expect(sent).toHaveLength(4);
      for (const statement of sent) {
        const plan = await planOf(statement, mode);
        expect(plan).toMatch(/Index Scan/);
        expect(plan).not.toMatch(/Seq Scan|Sort {2}|Hash|Materialize/);
      }
    },
  );
});

test.each(large)('the count of $table is an estimate, not a scan', async (options) => {
  const store = await open(options);
  const { records, exact } = await store.count();
  expect(exact).toBe(false);
  expect(Math.abs(records - rowCount)).toBeLessThan(rowCount / 20);
  expect(sent.some(({ text }) => /count\(\*\)/.test(text))).toBe(false);
});

test('where few rows are in scope, no statement walks more than 2000 of them, and all are found', async () => {
  const store = await open({ table: 'numbers', key: ['id'], where: 'rare' });
  const refs: string[] = [];
  sent = [];
  for await (const page of store.scan(null, batchSize, new AbortController().signal)) refs.push(...page.refs);
  expect(refs).toEqual(['["50000"]', '["100000"]', '["150000"]', '["200000"]']);
  for (const { text, values } of sent.slice(0, 3)) {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, TIMING OFF) ${text}`, [
      ...values,
    ]);
    const walked = rows.flatMap((row) =>
      [...row['QUERY PLAN'].matchAll(/actual rows=(\d+)/g)].map(([, rows]) => Number(rows)),
    );
    // The window function looks one row ahead.
    expect(Math.max(...walked)).toBe(2001);
  }
  expect(await store.count()).toMatchObject({ exact: true, records: 4 });
});

test.each([1999, 2000, 2001, 5000])(
  'no record is lost where one statement ends and the next begins, by pages of %i',
  async (limit) => {
    const store = await open({ table: 'numbers', key: ['id'], where: 'id <= 12000 AND id % 3 <> 0' });
    const refs: string[] = [];
    for await (const page of store.scan(null, limit, new AbortController().signal)) {
      expect(page.refs.length).toBeLessThanOrEqual(limit);
      refs.push(...page.refs);
    }
    expect(new Set(refs).size).toBe(8000);
    expect(refs).toHaveLength(8000);
  },
);
