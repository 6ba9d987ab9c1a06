import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import type { Replacement, ReplaceOutcome } from '../../src/rotation/record.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';

const records = 40;

let database: Awaited<ReturnType<typeof freshDatabase>>;
let pool: SqlPool;
let application: Client;

beforeAll(async () => {
  database = await freshDatabase();
  pool = await connectPostgres(database.url, { connections: 4 });
  application = new Client(database.url);
  await application.connect();
});
afterAll(async () => {
  await application.end();
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  await pool.query(`
    CREATE TABLE accounts (id int PRIMARY KEY, ssn text, note text, visits int NOT NULL DEFAULT 0);
    INSERT INTO accounts (id, ssn) SELECT i, 'old ' || i FROM generate_series(1, ${records}) AS i`);
});
afterEach(async () => {
  await application.query('ROLLBACK');
  await pool.query('DROP TABLE accounts CASCADE');
});

const options = { table: 'accounts', key: ['id'], column: 'ssn', fields: [] };
function open(): Promise<RecordStore> {
  return openPostgresStore({ ...options, pool: shared(pool) });
}
function change(id: number, to = `new ${id}`) {
  return {
    ref: `["${id}"]`,
    oldValue: Buffer.from(`old ${id}`),
    newValue: Buffer.from(to),
    keyVersion: 'v2',
    revision: null,
  };
}
const everyId = Array.from({ length: records }, (_, index) => index + 1);
async function valueOf(id: number): Promise<unknown> {
  const { rows } = await pool.query('SELECT ssn FROM accounts WHERE id = $1', [id]);
  return rows[0]?.['ssn'];
}

/** Holds the store's statement at record 2 while `meanwhile` runs; record 1 comes after it. */
async function replaceWhile(meanwhile: string, on: SqlPool): Promise<unknown> {
  const where = 'id <> 2 OR pg_advisory_xact_lock(7) IS NOT NULL';
  const store = await openPostgresStore({ ...options, pool: shared(on), where });
  await application.query('SELECT pg_advisory_lock(7)');
  const replacing = store.replace([change(2), change(1)]).catch((error: unknown) => error);
  await vi.waitFor(async () => {
    const { rows } = await pool.query(
      `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted`,
    );
    expect(rows).toHaveLength(1);
  });
  await application.query(meanwhile);
  await application.query('SELECT pg_advisory_unlock(7)');
  return replacing;
}

describe('beside the application', () => {
  test('a row that it has locked is a conflict at once, the others are written', async () => {
    await application.query('BEGIN; SELECT * FROM accounts WHERE id IN (3, 9) FOR UPDATE');
    const store = await open();
    const outcomes = await store.replace(everyId.map((id) => change(id)));
    expect(outcomes).toEqual(everyId.map((id) => (id === 3 || id === 9 ? 'conflict' : 'replaced')));
    await application.query('COMMIT');
    expect(await valueOf(3)).toBe('old 3');
    expect(await store.replace([change(3)])).toEqual(['replaced']);
  });

  test('rows that foreign keys point to are written while children are being inserted', async () => {
    await pool.query('CREATE TABLE orders (account int REFERENCES accounts)');
    await application.query('BEGIN; INSERT INTO orders VALUES (5)');
    expect(await (await open()).replace([change(5)])).toEqual(['replaced']);
    await application.query('ROLLBACK; DROP TABLE orders');
  });

  test('a value that foreign keys may point to is skipped while it is held, not waited for', async () => {
    await pool.query(
      'ALTER TABLE accounts ADD UNIQUE (ssn); CREATE TABLE marks (ssn text REFERENCES accounts (ssn))',
    );
    await application.query(`BEGIN; INSERT INTO marks VALUES ('old 5')`);
    expect(await (await open()).replace([change(4), change(5)])).toEqual(['replaced', 'conflict']);
    await application.query('ROLLBACK; DROP TABLE marks');
  });

  test('no write of it is lost, whatever it writes while batches are replaced', async () => {
    const store = await open();
    const stop = new AbortController();
    const written = new Map<number, string>();
    const writer = (async () => {
      for (let round = 0; !stop.signal.aborted; round += 1) {
        const id = (round % records) + 1;
        // Now another column, so that the row has a newer version with the same value; now the value itself.
        await application.query('UPDATE accounts SET visits = visits + 1 WHERE id = $1', [id]);
        if (round % 7 !== 0) continue;
        await application.query('UPDATE accounts SET ssn = $2 WHERE id = $1', [id, `application ${round}`]);
        written.set(id, `application ${round}`);
      }
    })();
    let replaced = 0;
    for (let round = 0; round < 60; round += 1) {
      const found = await store.read(everyId.map((id) => `["${id}"]`));
      const changes = found.map(({ ref, value }) => ({
        ref,
        oldValue: value,
        newValue: Buffer.from(
          `${Buffer.from(value)
            .toString()
            .replace(/ by us.*/, '')} by us ${round}`,
        ),
        keyVersion: 'v2',
        revision: null,
      }));
      const outcomes = await store.replace(changes);
      replaced += outcomes.filter((outcome) => outcome === 'replaced').length;
    }
    stop.abort();
    await writer;
    expect(replaced).toBeGreaterThan(60 * records * 0.5);
    expect(written.size).toBeGreaterThan(0);
    for (const [id, last] of written)
      expect(await valueOf(id)).toMatch(new RegExp(`^${last}( by us \\d+)?$`));
  });

  describe('that changes a row between our look at it and our lock on it', () => {
    test('its new value stays', async () => {
      const outcomes = await replaceWhile(`UPDATE accounts SET ssn = 'newer' WHERE id = 1`, pool);
      expect(outcomes).toEqual(['replaced', 'conflict']);
      expect(await valueOf(1)).toBe('newer');
    });

    test('what it wrote beside the value stays, and the value is replaced', async () => {
      const outcomes = await replaceWhile('UPDATE accounts SET visits = 5 WHERE id = 1', pool);
      expect(outcomes).toEqual(['replaced', 'replaced']);
      const { rows } = await pool.query('SELECT ssn, visits FROM accounts WHERE id = 1');
      expect(rows).toEqual([{ ssn: 'new 1', visits: 5 }]);
    });

    test('under REPEATABLE READ the batch is to be tried again', async () => {
      const isolation = '?options=-c%20default_transaction_isolation=repeatable%5C%20read';
      const strict = await connectPostgres(database.url + isolation, { connections: 1 });
      try {
        const fault = await replaceWhile('UPDATE accounts SET visits = 5 WHERE id = 1', strict);
        expect(fault).toMatchObject({ faultClass: 'transient', code: 'STORE_BUSY', peer: 'store' });
        expect([await valueOf(1), await valueOf(2)]).toEqual(['old 1', 'old 2']);
      } finally {
        await strict.end();
      }
    });
  });
});

describe('what PostgreSQL refuses', () => {
  test.each([
    [
      'a check',
      `ALTER TABLE accounts ADD CONSTRAINT no_nines CHECK (ssn <> 'new 9')`,
      /23514, constraint no_nines/,
    ],
    ['a length', `ALTER TABLE accounts ALTER ssn TYPE varchar(20)`, /22001/],
    [
      'a trigger',
      `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF new.id = 9 THEN RAISE EXCEPTION 'not %', new.ssn; END IF; RETURN new; END $$;
       CREATE TRIGGER refuse BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION refuse()`,
      /P0001/,
    ],
    ['an encoding', 'SELECT 1', /22021/],
  ])('by %s stays with its record, and its words hold no value', async (kind, rule, words) => {
    await pool.query(rule);
    const bad = { 'a length': 'new 9 is longer than it may be', 'an encoding': 'new 9 \0' }[kind] ?? 'new 9';
    const changes = everyId.map((id) => (id === 9 ? change(9, bad) : change(id)));
    const outcomes = await replaceUnlocked(await open(), changes);
    expect(outcomes.filter((outcome) => outcome === 'replaced')).toHaveLength(records - 1);
    expect(outcomes[8]).toMatchObject({
      faultClass: 'record',
      code: 'VALUE_REFUSED',
      message: expect.stringMatching(words),
    });
    expect(outcomes[8]).not.toMatchObject({ message: expect.stringMatching(/new 9|old 9/) });
    expect([await valueOf(8), await valueOf(9), await valueOf(10)]).toEqual(['new 8', 'old 9', 'new 10']);
  });

  test('bytes that are no text are refused for a text column, and match nothing in it', async () => {
    const store = await open();
    const notText = Buffer.from([0xff]);
    expect(
      await store.replace([
        { ...change(1), newValue: notText },
        { ...change(2), oldValue: notText },
        change(3),
      ]),
    ).toEqual([
      expect.objectContaining({ faultClass: 'record', code: 'VALUE_REFUSED' }),
      'conflict',
      'replaced',
    ]);
  });
});

describe('references of someone else', () => {
  const foreign = [
    '',
    'null',
    '[]',
    '["1","2"]',
    '[1]',
    '["1" ]',
    '{"id":"1"}',
    '["\\u0000"]',
    '["\\ud800"]',
    '["one"]',
    '["99999999999999999999"]',
  ];

  test('do not stop those beside them', async () => {
    const store = await open();
    const found = await store.read([...foreign, '["7"]', '["41"]', '["8"]']);
    expect(found.map(({ ref }) => ref).toSorted()).toEqual(['["7"]', '["8"]']);
    const outcomes = await store.replace([...foreign.map((ref) => ({ ...change(1), ref })), change(7)]);
    expect(outcomes.pop()).toBe('replaced');
    for (const outcome of outcomes) expect(outcome).toMatchObject({ faultClass: 'record' });
  });

  test.each(foreign)('%j is no cursor', async (cursor) => {
    const pages = (await open()).scan(cursor, 10, new AbortController().signal);
    await expect(pages[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      faultClass: 'rotation',
      code: 'BAD_REF',
    });
  });
});

/**
 * As a worker does, tries again what was locked: PostgreSQL answers an error before the failed statement has
 * let go of its rows, so that its halves, on other connections, may still meet its locks.
 */
async function replaceUnlocked(
  store: RecordStore,
  changes: readonly Replacement[],
): Promise<ReplaceOutcome[]> {
  const outcomes = await store.replace(changes);
  for (let attempt = 0; attempt < 100 && outcomes.includes('conflict'); attempt += 1) {
    const locked = changes.filter((_, index) => outcomes[index] === 'conflict');
    const again = await store.replace(locked);
    outcomes.forEach((outcome, index) => {
      if (outcome === 'conflict') outcomes[index] = again.shift() ?? outcome;
    });
  }
  return outcomes;
}
