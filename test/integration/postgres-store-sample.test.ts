import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';

const rows = 20_000;
const never = new AbortController().signal;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let pool: SqlPool;
/** The statements that the store sent. */
const sent: string[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  // Pages cost so much that the table is a large one to the planner.
  const url = new URL(database.url);
  url.searchParams.set('options', '-c seq_page_cost=10000 -c random_page_cost=10000');
  pool = await connectPostgres(url.href, { connections: 2 });
  await pool.query(`
    CREATE TABLE large (id int PRIMARY KEY, secret text, kept boolean NOT NULL);
    CREATE TABLE parts (id int PRIMARY KEY, secret text) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (5000);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (5000) TO (${rows});
    INSERT INTO large SELECT id, repeat('x', 150), id % 100 = 0 FROM generate_series(0, ${rows - 1}) AS id;
    INSERT INTO parts SELECT id, repeat('x', 150) FROM generate_series(0, ${rows - 1}) AS id;
    ANALYZE large, parts`);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function sampleIds(table: string, size: number, where?: string): Promise<number[]> {
  const { query } = shared(pool);
  const watched: SqlPool = {
    ...shared(pool),
    query(text, values) {
      sent.push(text);
      return query(text, values);
    },
  };
  const store = await openPostgresStore({
    pool: watched,
    table,
    key: ['id'],
    column: 'secret',
    fields: [],
    readOnly: true,
    ...(where === undefined ? {} : { where }),
  });
  sent.length = 0;
  const refs = (await store.sample?.(size, never)) ?? [];
  return refs.map((ref) => Number(JSON.parse(ref)[0]));
}

test.each(['large', 'parts'])(
  'of a large table (%s) only some blocks are read, from all over it',
  async (table) => {
    const inQuarter = [0, 0, 0, 0];
    for (let draw = 0; draw < 10; draw += 1) {
      const ids = await sampleIds(table, 20);
      expect(new Set(ids).size).toBe(20);
      for (const id of ids) {
        const quarter = Math.floor((id * 4) / rows);
        inQuarter[quarter] = (inQuarter[quarter] ?? 0) + 1;
      }
      expect(sent.some((text) => text.includes('TABLESAMPLE'))).toBe(true);
      expect(sent.filter((text) => text.includes('random()') && !text.includes('TABLESAMPLE'))).toEqual([]);
    }
    // 50 are to be expected of each.
    expect(Math.min(...inQuarter), inQuarter.join(', ')).toBeGreaterThan(15);
  },
);

test('blocks are not read one by one: a version that fills one block does not fill the sample', async () => {
  const ids = await sampleIds('large', 20);
  const neighbours = ids
    .toSorted((a, b) => a - b)
    .filter((id, place, all) => id - (all[place - 1] ?? -1e9) < 10);
  expect(neighbours.length).toBeLessThan(10);
});

test('where few rows are records, more blocks are drawn until there are enough', async () => {
  const ids = await sampleIds('large', 30, 'kept');
  expect(ids).toHaveLength(30);
  expect(ids.every((id) => id % 100 === 0)).toBe(true);
});

test('where the planner is wrong about how few there are, all of them are found', async () => {
  // It takes the comparison for one that a third of the rows fulfils.
  const ids = await sampleIds('large', 30, `length(secret) > 200 OR id::text || 'x' IN ('7x', '19999x')`);
  expect(ids.toSorted((left, right) => left - right)).toEqual([7, 19_999]);
  expect(sent.filter((text) => text.includes('TABLESAMPLE')).length).toBeGreaterThan(1);
});
