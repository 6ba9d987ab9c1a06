import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import { anew, createPeople, swap, undo } from '../support/journalled-people.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';

const signal = new AbortController().signal;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let pool: SqlPool;
beforeAll(async () => {
  database = await freshDatabase();
  pool = await connectPostgres(database.url, { connections: 4 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('workers that start together make one journal', async () => {
  const { openStore, openJournal } = await createPeople(pool, 'text');
  const stores = await Promise.all(Array.from({ length: 4 }, () => openStore()));
  for (const [place, store] of stores.entries()) await swap(store, anew, [place + 1]);
  expect((await undo(await openJournal())).counts.restored).toBe(4);
});

test('a missing right is named with its GRANT, before anything is swapped', async () => {
  const { openStore, openJournal, schema, table } = await createPeople(pool, 'text');
  const name = `clerk ${randomUUID()}`;
  const role = `"${name}"`;
  await pool.query(`CREATE ROLE ${role} LOGIN`);
  const url = new URL(database.url);
  url.username = name;
  const clerk = await connectPostgres(url.href, { connections: 1 });
  const as = { pool: shared(clerk) };
  const denied = (grant: string) => ({
    faultClass: 'usage',
    code: 'JOURNAL_DENIED',
    message: expect.stringContaining(grant),
  });
  const journal = `${schema}.keyturn_journal`;
  try {
    await pool.query(
      `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT, UPDATE ON ${table} TO ${role}`,
    );
    await expect(openStore(as)).rejects.toMatchObject(denied(`GRANT CREATE ON SCHEMA ${schema} TO ${role}`));
    // Without a journal, and to read, no right to it is needed.
    await openStore({ ...as, journal: null });
    await openStore({ ...as, readOnly: true });

    await openStore();
    await expect(openStore(as)).rejects.toMatchObject(denied(`GRANT INSERT ON ${journal} TO ${role}`));
    await pool.query(`GRANT INSERT ON ${journal} TO ${role}`);
    await swap(await openStore(as), anew);
    // Who may not look into it cannot say that it is empty.
    expect((await openStore({ ...as, readOnly: true })).caveats).toHaveLength(1);

    await expect(openJournal(as)).rejects.toMatchObject(denied('GRANT SELECT, UPDATE ON'));
    await pool.query(`GRANT SELECT, UPDATE (restored_at) ON ${journal} TO ${role}`);
    expect((await undo(await openJournal(as))).counts.restored).toBe(10);

    const purging = { ...as, use: 'purge' };
    await expect(openJournal(purging)).rejects.toMatchObject(denied('GRANT DELETE ON'));
    await pool.query(`GRANT DELETE ON ${journal} TO ${role}`);
    const purge = await openJournal(purging);
    expect(await purge.purge(() => undefined, signal)).toBe(10);
    // Not the owner: the empty table stays.
    await purge.dropIfEmpty();
    await openJournal();
  } finally {
    await clerk.end();
    await pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

test('a locked row is not waited for without end, and restored later', async () => {
  const { openStore, openJournal, table } = await createPeople(pool, 'text');
  await swap(await openStore(), anew);
  const application = new Client(database.url);
  await application.connect();
  onTestFinished(() => application.end());
  await application.query(`BEGIN; SELECT FROM ${table} WHERE id IN (2, 9) FOR UPDATE`);
  const first = await undo(await openJournal());
  expect(first.counts).toMatchObject({ restored: 8, locked: 2 });
  expect(first.left.map(({ reason }) => reason)).toEqual(['locked', 'locked']);
  const again = undo(await openJournal(), { batchSize: 100 });
  await application.query('COMMIT');
  expect((await again).counts).toMatchObject({ restored: 2, alreadyRestored: 8, locked: 0 });
});
