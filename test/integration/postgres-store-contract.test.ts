import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEmbeddedDatabase } from '../../src/broker/embedded.ts';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import { recordStoreContract } from '../../src/testing/record-store-contract.ts';
import { freshDatabase } from '../support/peers.ts';
import { tableFixture } from '../support/postgres-table.ts';

/** Bytes that are neither text nor without U+0000. */
const bytesOf = (label: string): Uint8Array =>
  Buffer.concat([Buffer.from([0, 0xff, 0xfe, 0x5c]), Buffer.from(label)]);
const jsonOf = (label: string): Uint8Array => Buffer.from(JSON.stringify(label));

/** PostgreSQL gives records as it scans. */
const columnContract: typeof recordStoreContract = (name, make, traits) =>
  recordStoreContract(name, make, { ...traits, scansRecords: true });

describe('PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let pool: SqlPool;
  beforeAll(async () => {
    database = await freshDatabase();
    pool = await connectPostgres(database.url, { connections: 4 });
    await pool.query(`
      CREATE EXTENSION citext;
      CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      CREATE DOMAIN secret_text AS text COLLATE any_case CHECK (value <> '')`);
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  columnContract('a bytea column', () => tableFixture(pool, 'bytea'), { makeValue: bytesOf });
  columnContract(
    'a text column with a version column',
    () => tableFixture(pool, 'text', { versionColumn: 'note' }),
    { notesVersion: true },
  );
  columnContract('a case-insensitive column', () => tableFixture(pool, 'citext'));
  columnContract('a domain with a collation that ignores case', () => tableFixture(pool, 'secret_text'));
  columnContract('a json column', () => tableFixture(pool, 'json'), { makeValue: jsonOf });
  columnContract(
    'a text column with a version column and a journal',
    () => tableFixture(pool, 'text', { versionColumn: 'note', journal: { rotation: 'r' } }),
    { notesVersion: true },
  );
  columnContract(
    'a jsonb column with a journal',
    () => tableFixture(pool, 'jsonb', { journal: { rotation: 'r' } }),
    {
      makeValue: jsonOf,
    },
  );
  columnContract('a jsonb column', () => tableFixture(pool, 'jsonb'), { makeValue: jsonOf });
});

describe('the embedded database', () => {
  let pool: SqlPool;
  beforeAll(async () => {
    pool = await openEmbeddedDatabase('memory://');
  });
  afterAll(() => pool.end());

  columnContract('a bytea column', () => tableFixture(pool, 'bytea'), { makeValue: bytesOf });
  columnContract('a varchar column', () => tableFixture(pool, 'varchar(80)'));
  columnContract(
    'a bytea column with a journal',
    () => tableFixture(pool, 'bytea', { journal: { rotation: 'r' } }),
    { makeValue: bytesOf },
  );

  test('what it refuses stays with its record', async () => {
    const fixture = await tableFixture(pool, 'varchar(3)');
    const refs = await fixture.seed(
      ['a', 'b', 'c'].map((id) => ({ id, value: Buffer.from('old'), tenant: null })),
    );
    const outcomes = await fixture.store.replace(
      refs.map((ref, index) => ({
        ref,
        oldValue: Buffer.from('old'),
        newValue: Buffer.from(index === 1 ? 'too long' : 'new'),
        keyVersion: 'v2',
        revision: null,
      })),
    );
    expect(outcomes).toEqual(['replaced', expect.objectContaining({ code: 'VALUE_REFUSED' }), 'replaced']);
    await fixture.close();
  });
});
