import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { openPostgresStore, type PostgresStoreOptions } from '../../src/stores/postgres.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let pool: SqlPool;

beforeAll(async () => {
  database = await freshDatabase();
  pool = await connectPostgres(database.url, { connections: 2 });
  await pool.query(`
    CREATE TABLE people (id bigint PRIMARY KEY, tenant int, email text, ssn text, secret bytea, key_version varchar(20), age int,
      twice text GENERATED ALWAYS AS (ssn || ssn) STORED);
    INSERT INTO people (id, tenant, ssn) VALUES (1, 1, 'one'), (2, 1, 'two'), (3, 2, NULL), (4, 2, 'four');
    CREATE SCHEMA "acct app";
    CREATE TABLE "acct app"."Weird ""Table" ("Id" text PRIMARY KEY, "The ""Value" text);
    INSERT INTO "acct app"."Weird ""Table" VALUES ('a', 'weird');
    CREATE VIEW people_view AS SELECT * FROM people;
    CREATE TABLE parent (id int PRIMARY KEY, ssn text);
    CREATE TABLE child () INHERITS (parent);
    CREATE TABLE loose (id int, part int, code text, ssn text, UNIQUE (part, code));
    CREATE UNIQUE INDEX ON loose (id) WHERE id > 0;
    CREATE UNIQUE INDEX ON loose ((id + 1));
    CREATE INDEX ON loose (id);
    CREATE SCHEMA ext;
    CREATE EXTENSION citext SCHEMA ext;
    CREATE TYPE ext.colour AS ENUM ('red', 'green');
    CREATE TABLE foreign_types (code ext.citext PRIMARY KEY, colour ext.colour NOT NULL UNIQUE, ssn ext.citext);
    INSERT INTO foreign_types VALUES ('B', 'red', 'one'), ('a', 'green', 'two');
    CREATE TABLE collated (code text COLLATE "en-x-icu" NOT NULL, ssn text);
    CREATE UNIQUE INDEX ON collated (code COLLATE "C");
    INSERT INTO collated VALUES ('b', 'one'), ('A', 'two'), ('a', 'three'), ('B', 'four');
    CREATE TABLE mixed (a int NOT NULL, b int NOT NULL, ssn text);
    CREATE UNIQUE INDEX ON mixed (a, b DESC)`);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

function open(options: Partial<PostgresStoreOptions> = {}): Promise<RecordStore> {
  return openPostgresStore({
    pool: shared(pool),
    table: 'people',
    key: ['id'],
    column: 'ssn',
    fields: [],
    ...options,
  });
}

async function as(role: string): Promise<SqlPool> {
  const url = new URL(database.url);
  url.username = role;
  return connectPostgres(url.href, { connections: 1 });
}

async function refsOf(store: RecordStore): Promise<string[]> {
  const refs: string[] = [];
  for await (const page of store.scan(null, 100, new AbortController().signal)) refs.push(...page.refs);
  return refs;
}

describe('the table', () => {
  test.each(['people', 'PEOPLE', 'public.people', '"people"', 'Public . "people"'])(
    '%s is found as SQL finds it',
    async (table) => {
      expect(await refsOf(await open({ table }))).toEqual(['["1"]', '["2"]', '["4"]']);
    },
  );

  test('a quoted name of another schema is read and written', async () => {
    const store = await open({ table: '"acct app"."Weird ""Table"', key: ['Id'], column: 'The "Value' });
    const [ref = ''] = await refsOf(store);
    const change = {
      ref,
      oldValue: Buffer.from('weird'),
      newValue: Buffer.from('wired'),
      keyVersion: 'v2',
      revision: null,
    };
    expect(await store.replace([change])).toEqual(['replaced']);
    expect((await store.read([ref]))[0]?.value).toEqual(Buffer.from('wired'));
    expect(await store.check()).toMatch(
      /^postgres \d+\.\d+, "acct app"\."Weird ""Table", 1 records, journal off$/,
    );
  });

  test.each([
    ['"People"', /"People": it does not exist/],
    ['nowhere.people', /does not exist/],
    ['"people', /invalid name syntax|unterminated/i],
    ['a.b.c.d', /too many dotted names/],
    ['people_view', /is not a table/],
    ['parent', /inherit from it/],
  ])('%s is refused in words', async (table, words) => {
    await expect(open({ table })).rejects.toMatchObject({
      faultClass: 'usage',
      message: expect.stringMatching(words),
    });
  });
});

describe('the columns', () => {
  test.each([
    [{ column: 'snn' }, /store.column: "public"."people" has no column "snn"; the nearest is "ssn"/],
    [{ key: ['ID'] }, /store.key: .* no column "ID"; the nearest is "id"/],
    [{ versionColumn: 'keyversion' }, /store.versionColumn: .* nearest is "key_version"/],
    [{ fields: ['tenant', 'mail'] }, /aadContext: .* no column "mail"; the nearest is "email"/],
    [{ column: 'age' }, /"age" is integer; it must be bytea, text, varchar, json or jsonb/],
    [{ versionColumn: 'age' }, /"age" is integer; it must be text or varchar/],
    [{ column: 'twice' }, /generated column/],
    [{ versionColumn: 'ssn' }, /"ssn" is named twice/],
    [{ key: [] }, /at least one column/],
    [{ key: ['id', 'id'] }, /none of them twice/],
  ])('%j is refused in words', async (options, words) => {
    await expect(open(options)).rejects.toMatchObject({
      faultClass: 'usage',
      message: expect.stringMatching(words),
    });
  });
});

describe('the key', () => {
  test('a column that no full unique index holds is refused: two records would share a reference', async () => {
    await expect(open({ table: 'loose', key: ['id'] })).rejects.toThrow(/nothing makes \("id"\) unique/);
    await expect(open({ table: 'loose', key: ['part'] })).rejects.toThrow(/nothing makes \("part"\) unique/);
    await expect(open({ key: ['tenant'] })).rejects.toThrow(/nothing makes \("tenant"\) unique/);
  });

  test('more columns than the unique ones are part of the reference', async () => {
    const store = await open({ key: ['tenant', 'id'] });
    expect(await refsOf(store)).toEqual(['["1","1"]', '["1","2"]', '["2","4"]']);
    expect(await store.read(['["2","1"]'])).toEqual([]);
  });

  test('NULL in a key is refused where a record has it, and allowed where none has', async () => {
    await pool.query(
      `INSERT INTO loose VALUES (1, 1, 'x', 'one'), (2, NULL, 'y', 'two'), (3, 1, NULL, 'three')`,
    );
    const options = { table: 'loose', key: ['part', 'code'] };
    await expect(open(options)).rejects.toMatchObject({
      faultClass: 'usage',
      message: expect.stringMatching(/NULL in a key/),
    });
    await expect(open({ ...options, where: 'part IS NOT NULL' })).rejects.toThrow(/NULL in a key/);
    const store = await open({ ...options, where: 'id = 1' });
    expect(await refsOf(store)).toEqual(['["1","x"]']);
    expect(await store.count()).toEqual({ records: 1, exact: true });
  });

  test('an index in two directions is refused: the scan would sort the table', async () => {
    await expect(open({ table: 'mixed', key: ['a', 'b'] })).rejects.toThrow(
      /all ascending or all descending/,
    );
    await pool.query('CREATE UNIQUE INDEX ON mixed (b DESC, a DESC)');
    await pool.query(`INSERT INTO mixed SELECT i % 3, i, 'v' FROM generate_series(1, 9) AS i`);
    expect(await refsOf(await open({ table: 'mixed', key: ['a', 'b'] }))).toHaveLength(9);
  });
});

describe('a type of another schema', () => {
  test('is addressed and written without the search path, where its order does not hang on it', async () => {
    const store = await open({ table: 'foreign_types', key: ['colour'] });
    expect(await refsOf(store)).toEqual(['["red"]', '["green"]']);
    const change = { ref: '["red"]', newValue: Buffer.from('new'), keyVersion: 'v2', revision: null };
    expect(await store.replace([{ ...change, oldValue: Buffer.from('ONE') }])).toEqual(['conflict']);
    expect(await store.replace([{ ...change, oldValue: Buffer.from('one') }])).toEqual(['replaced']);
  });

  test('whose own order the search path hides is refused: another order would lose records', async () => {
    const options = { table: 'foreign_types', key: ['code'] };
    await expect(open(options)).rejects.toThrow(/search_path/);
    const seeing = await connectPostgres(`${database.url}?options=-c%20search_path=public,ext`, {
      connections: 1,
    });
    try {
      expect(await refsOf(await open({ ...options, pool: seeing }))).toEqual(['["a"]', '["B"]']);
    } finally {
      await seeing.end();
    }
  });
});

test('an index with a collation of its own gives the order, in every statement', async () => {
  const store = await open({ table: 'collated', key: ['code'] });
  expect(await refsOf(store)).toEqual(['["A"]', '["B"]', '["a"]', '["b"]']);
  const second = await store.scan('["A"]', 1, new AbortController().signal)[Symbol.asyncIterator]().next();
  expect(second.value?.refs).toEqual(['["B"]']);
  const [record] = await store.read(['["a"]']);
  expect(record?.value).toEqual(Buffer.from('three'));
});

describe('the condition', () => {
  test.each([
    'tenant = 1',
    'tenant = 1 -- only these',
    'people.tenant = 1',
    'tenant = 2 OR tenant = 1 AND id < 3 OR false',
  ])('%s holds in every statement', async (where) => {
    const store = await open({ where: `(${where}\n) AND id < 3` });
    expect(await refsOf(store)).toEqual(['["1"]', '["2"]']);
    expect(await refsOf(await open({ where: 'id < 3 -- a comment' }))).toEqual(['["1"]', '["2"]']);
    expect(await store.read(['["4"]'])).toEqual([]);
    const four = {
      ref: '["4"]',
      oldValue: Buffer.from('four'),
      newValue: Buffer.from('new'),
      keyVersion: 'v2',
      revision: null,
    };
    expect(await store.replace([four])).toEqual(['conflict']);
    expect(await store.count()).toEqual({ records: 2, exact: true });
  });

  test.each([
    ['tenant = ', /syntax error/],
    ['tenant = 1)', /syntax error/],
    ['tenant = 1 /* open', /unterminated/],
    ['tennant = 1', /tennant/],
    ['tenant = $1', /parameter \$1/],
    ['tenant', /type boolean/],
    ["id > 'abc'", /22P02/],
  ])('%s is refused when opened', async (where, words) => {
    const fault = await open({ where }).catch((error: unknown) => error);
    expect(fault).toMatchObject({
      faultClass: 'usage',
      code: 'BAD_STORE_WHERE',
      message: expect.stringMatching(words),
    });
  });

  test('one that fails on a record stops the rotation with its name, instead of losing the record', async () => {
    const store = await open({ where: '1 / (4 - id) > -9' });
    await expect(refsOf(store)).rejects.toMatchObject({ faultClass: 'rotation', code: 'BAD_STORE_WHERE' });
    await expect(store.read(['["1"]', '["4"]', '["2"]'])).rejects.toMatchObject({
      faultClass: 'rotation',
      code: 'BAD_STORE_WHERE',
    });
    await expect(store.count()).rejects.toMatchObject({ faultClass: 'rotation' });
  });
});

describe('rights', () => {
  test('a missing right is named with the GRANT that gives it', async () => {
    await pool.query('CREATE ROLE clerk LOGIN; GRANT SELECT (id, ssn) ON people TO clerk');
    const clerk = await as('clerk');
    try {
      const denied = { faultClass: 'rotation', code: 'STORE_DENIED', peer: 'store' };
      await expect(open({ pool: clerk })).rejects.toMatchObject({
        ...denied,
        message: expect.stringContaining('GRANT UPDATE ("ssn") ON "public"."people" TO "clerk"'),
      });
      await expect(open({ pool: clerk, fields: ['email'] })).rejects.toThrow(/GRANT SELECT \("email"\)/);
      await expect(open({ pool: clerk, readOnly: true, where: 'age > 1' })).rejects.toMatchObject(denied);
      expect(await refsOf(await open({ pool: clerk, readOnly: true }))).toHaveLength(3);

      await pool.query('GRANT UPDATE (ssn) ON people TO clerk');
      const store = await open({ pool: clerk });
      const change = {
        ref: '["1"]',
        oldValue: Buffer.from('one'),
        newValue: Buffer.from('one'),
        keyVersion: 'v2',
        revision: null,
      };
      expect(await store.replace([change])).toEqual(['replaced']);

      await pool.query('REVOKE UPDATE (ssn) ON people FROM clerk');
      await expect(store.replace([change])).rejects.toMatchObject(denied);
    } finally {
      await clerk.end();
      await pool.query('DROP OWNED BY clerk; DROP ROLE clerk');
    }
  });

  test('row-level security that hides records is refused: they would be left behind unseen', async () => {
    await pool.query(
      'CREATE ROLE guest LOGIN; GRANT SELECT, UPDATE ON people TO guest; ALTER TABLE people ENABLE ROW LEVEL SECURITY',
    );
    const guest = await as('guest');
    try {
      await expect(open({ pool: guest })).rejects.toMatchObject({
        faultClass: 'rotation',
        message: expect.stringMatching(/BYPASSRLS/),
      });
    } finally {
      await guest.end();
      await pool.query('ALTER TABLE people DISABLE ROW LEVEL SECURITY; DROP OWNED BY guest; DROP ROLE guest');
    }
  });

  test('a server that takes no writes is refused, but for reading', async () => {
    const readOnly = await connectPostgres(`${database.url}?options=-c%20default_transaction_read_only=on`, {
      connections: 1,
    });
    try {
      await expect(open({ pool: readOnly })).rejects.toThrow(/takes no writes/);
      expect(await refsOf(await open({ pool: readOnly, readOnly: true }))).toHaveLength(3);
    } finally {
      await readOnly.end();
    }
  });
});
