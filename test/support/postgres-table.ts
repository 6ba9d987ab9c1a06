import { openPostgresStore, type PostgresStoreOptions } from '../../src/stores/postgres.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import type { RecordStoreFixture } from '../../src/testing/record-store-contract.ts';

/** The same pool, left open by a store that is closed. */
export function shared(pool: SqlPool): SqlPool {
  return { query: (text, values) => pool.query(text, values), end: () => Promise.resolve() };
}

let tables = 0;

/** A name that no other table of the test file has. */
function freshName(): string {
  tables += 1;
  return `records_${tables}`;
}

/** A table with the columns of the contract suite, whose value column is of the type `valueType`. */
export async function tableFixture(
  pool: SqlPool,
  valueType: string,
  more: Partial<PostgresStoreOptions> = {},
): Promise<RecordStoreFixture> {
  const table = freshName();
  await pool.query(
    `CREATE TABLE ${table} (region int NOT NULL DEFAULT 7, id text NOT NULL, tenant text, secret ${valueType}, note text, PRIMARY KEY (region, id))`,
  );
  const store = await openPostgresStore({
    pool: shared(pool),
    table,
    key: ['id', 'region'],
    column: 'secret',
    fields: ['tenant'],
    ...more,
  });
  const binary = valueType === 'bytea';
  const toColumn = (value: Uint8Array | null): Uint8Array | string | null =>
    value === null || binary ? value : Buffer.from(value).toString();

  return {
    store,
    async seed(records) {
      const rows = records.map((_, row) => `($${row * 3 + 1}, $${row * 3 + 2}, $${row * 3 + 3})`);
      await pool.query(
        `INSERT INTO ${table} (id, tenant, secret) VALUES ${rows.join(', ')}`,
        records.flatMap(({ id, tenant, value }) => [id, tenant, toColumn(value)]),
      );
      return records.map(({ id }) => JSON.stringify([id, '7']));
    },
    async write(ref, value) {
      await pool.query(`UPDATE ${table} SET secret = $2 WHERE id = $1`, [idOf(ref), toColumn(value)]);
    },
    async remove(ref) {
      await pool.query(`DELETE FROM ${table} WHERE id = $1`, [idOf(ref)]);
    },
    async readRaw(ref) {
      const { rows } = await pool.query(
        `SELECT secret${binary ? '' : '::text'} AS secret FROM ${table} WHERE id = $1`,
        [idOf(ref)],
      );
      const secret = rows[0]?.['secret'];
      if (secret instanceof Uint8Array) return secret;
      return typeof secret === 'string' ? Buffer.from(secret) : null;
    },
    async close() {
      await store.close();
      await pool.query(`DROP TABLE ${table}`);
    },
  };
}

function idOf(ref: string): unknown {
  const key: unknown = JSON.parse(ref);
  return Array.isArray(key) ? key[0] : undefined;
}
