import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Client } from 'pg';
import { openEmbeddedDatabase } from '../../src/broker/embedded.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import { openPostgresJournal, type Journal } from '../../src/stores/postgres/journal.ts';
import { rollBack, type RollbackReport } from '../../src/stores/postgres/roll-back.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';

interface Peer {
  readonly pool: SqlPool;
  readonly url: string | null;
  close(): Promise<void>;
}

async function realServer(): Promise<Peer> {
  const database = await freshDatabase();
  const pool = await connectPostgres(database.url, { connections: 4 });
  const close = async (): Promise<void> => {
    await pool.end();
    await database.drop();
  };
  return { pool, url: database.url, close };
}

async function embedded(): Promise<Peer> {
  const pool = await openEmbeddedDatabase('memory://');
  return { pool, url: null, close: () => pool.end() };
}

const signal = new AbortController().signal;
const rotation = 'people-ssn';
const ids = Array.from({ length: 10 }, (_, index) => index + 1);
const bytes = (text: string): Buffer => Buffer.from(text);

/** What is restored, by a rollback of batches of three. */
function undo(
  journal: Journal,
  change: Partial<Parameters<typeof rollBack>[1]> = {},
): Promise<RollbackReport> {
  const quiet = { onFault: () => undefined, beforeBatch: async () => undefined, onProgress: () => undefined };
  return rollBack(journal, { batchSize: 3, signal, ...quiet, ...change });
}

describe.each([
  ['PostgreSQL', realServer],
  ['the embedded database', embedded],
] as const)('on %s', (kind, start) => {
  let peer: Peer;
  let schemas = 0;
  beforeAll(async () => {
    peer = await start();
  }, 60_000);
  afterAll(() => peer.close());

  /** A table in a schema of its own: ten people, whose column is of the type `type`, and who opens it. */
  async function people(type: string, valueOf: (id: number) => string | Buffer = (id) => `old ${id}`) {
    schemas += 1;
    const schema = `"s${schemas} x"`;
    const table = `${schema}.people`;
    const { pool } = peer;
    await pool.query(`CREATE SCHEMA ${schema}`);
    await pool.query(
      `CREATE TABLE ${table} (id int, region text COLLATE "C", ssn ${type}, note text, touched timestamptz DEFAULT now(), PRIMARY KEY (region, id))`,
    );
    const places = ids.map((id) => `(${id}, 'it''s', $${id}, ${id === 10 ? 'NULL' : `'note ${id}'`})`);
    await pool.query(
      `INSERT INTO ${table} (id, region, ssn, note) VALUES ${places.join(', ')}`,
      ids.map(valueOf),
    );
    const columns = { table, key: ['id', 'region'], column: 'ssn' };
    const options = { ...columns, pool: shared(pool), versionColumn: 'note' };
    return {
      schema,
      table,
      rows: async () => (await pool.query(`SELECT *, ssn::text AS shown FROM ${table} ORDER BY id`)).rows,
      openStore: (more: object = {}) =>
        openPostgresStore({ ...options, fields: [], journal: { rotation }, ...more }),
      openJournal: (more: object = {}) =>
        openPostgresJournal({ ...options, rotation, use: 'restore', ...more }),
    };
  }

  /** Replaces all that the store holds, or the records `only`. */
  async function swap(store: RecordStore, toNew: (old: Buffer) => Buffer, only?: readonly number[]) {
    const refs: string[] = [];
    for await (const page of store.scan(null, 100, signal)) refs.push(...page.refs);
    const wanted = refs.filter((ref) => only === undefined || only.some((id) => ref.startsWith(`["${id}"`)));
    const changes = (await store.read(wanted)).map(({ ref, value }) => ({
      ref,
      oldValue: value,
      newValue: toNew(Buffer.from(value)),
      keyVersion: 'v2',
      revision: null,
    }));
    expect(await store.replace(changes)).toEqual(changes.map(() => 'replaced'));
  }
  const anew = (old: Buffer): Buffer => Buffer.concat([bytes('new '), old]);

  test.each<[string, (id: number) => string | Buffer, (old: Buffer) => Buffer]>([
    ['bytea', (id) => Buffer.from([0, 255, id]), anew],
    ['text', (id) => `o\u00f6\u{1f511}'\\${id} `, anew],
    ['varchar(40)', (id) => ` o ${id}`, anew],
    // Spaces and the order of members are part of a json value, and not of a jsonb value.
    ['json', (id) => `{ "b":${id},  "a" : "x" }`, () => bytes('{"a":  1}')],
    ['jsonb', (id) => `{ "b":${id},  "a" : "x" }`, () => bytes('{"b":2,   "a":[1 ,2]}')],
  ])(
    'a %s column and the version note come back as they were, byte for byte',
    async (type, valueOf, toNew) => {
      const { openStore, openJournal, rows } = await people(type, valueOf);
      const before = await rows();
      await swap(await openStore(), toNew);
      expect((await rows()).map(({ note }) => note)).toEqual(before.map(() => 'v2'));
      const report = await undo(await openJournal());
      expect(report).toMatchObject({ complete: true, counts: { restored: 10, changedSince: 0 }, left: [] });
      expect(await rows()).toEqual(before);
    },
  );

  test('what the application wrote since is kept and reported, as is what it deleted', async () => {
    const { openStore, openJournal, rows, table } = await people('text');
    await swap(await openStore(), anew);
    await peer.pool.query(`UPDATE ${table} SET ssn = 'of the application' WHERE id = 4`);
    await peer.pool.query(`UPDATE ${table} SET ssn = NULL WHERE id = 5`);
    await peer.pool.query(`DELETE FROM ${table} WHERE id = 6`);
    await peer.pool.query(`UPDATE ${table} SET ssn = 'old 7' WHERE id = 7`);
    const { counts, left } = await undo(await openJournal());
    expect(counts).toMatchObject({ restored: 6, alreadyRestored: 1, changedSince: 2, gone: 1 });
    expect(left.toSorted((a, b) => (a.ref < b.ref ? -1 : 1))).toEqual([
      { ref: '["4","it\'s"]', reason: 'changedSince' },
      { ref: '["5","it\'s"]', reason: 'changedSince' },
      { ref: '["6","it\'s"]', reason: 'gone' },
    ]);
    expect((await rows()).map(({ ssn }) => ssn)).toEqual([
      ...['old 1', 'old 2', 'old 3', 'of the application', null, 'old 7', 'old 8', 'old 9', 'old 10'],
    ]);
  });

  test('a record that was swapped several times goes back to the first value, in any cut of batches', async () => {
    const { openStore, openJournal, rows } = await people('text');
    const before = await rows();
    const store = await openStore();
    await swap(store, anew);
    await swap(store, anew, [2, 3]);
    await swap(store, anew, [3]);
    const { counts } = await undo(await openJournal(), { batchSize: 7 });
    expect(counts.restored).toBe(13);
    expect(await rows()).toEqual(before);
  });

  test('a rollback that runs again changes nothing, also after the application wrote our value again', async () => {
    const { openStore, openJournal, rows, table } = await people('text');
    await swap(await openStore(), anew);
    await undo(await openJournal());
    await peer.pool.query(`UPDATE ${table} SET ssn = 'new old 1' WHERE id = 1`);
    const before = await rows();
    const { counts } = await undo(await openJournal());
    expect(counts).toMatchObject({ restored: 0, alreadyRestored: 10, changedSince: 0 });
    expect(await rows()).toEqual(before);
  });

  test('a lost reply costs nothing: the batch is asked again, and its marks tell that it was done', async () => {
    const { openStore, openJournal, rows } = await people('text');
    const before = await rows();
    await swap(await openStore(), anew);
    let lose = 2;
    const losing: SqlPool = {
      ...shared(peer.pool),
      async query(text, values) {
        const result = await peer.pool.query(text, values);
        if (text.includes('keyturn_restored') && lose-- > 0) throw new Error('Connection terminated');
        return result;
      },
    };
    const { counts } = await undo(await openJournal({ pool: losing }));
    expect(counts.restored + counts.alreadyRestored).toBe(10);
    expect(lose).toBeLessThan(1);
    expect(await rows()).toEqual(before);
  });

  test('two rollbacks at once restore each record once', async () => {
    const { openStore, openJournal, rows } = await people('text');
    const before = await rows();
    await swap(await openStore(), anew);
    const reports = await Promise.all([undo(await openJournal()), undo(await openJournal())]);
    const restored = reports.map(({ counts }) => counts.restored);
    expect(restored.reduce((sum, each) => sum + each)).toBe(10);
    for (const { counts } of reports) expect(counts.restored + counts.alreadyRestored).toBe(10);
    expect(await rows()).toEqual(before);
  });

  test('an old value that the table refuses by now is told, and holds up no other', async () => {
    const { openStore, openJournal, table, rows } = await people('text');
    await swap(await openStore(), anew);
    await peer.pool.query(`ALTER TABLE ${table} ADD CHECK (ssn NOT IN ('old 5', 'old 6')) NOT VALID`);
    const { counts, left } = await undo(await openJournal());
    expect(counts).toMatchObject({ restored: 8, refused: 2 });
    expect(left.map(({ reason }) => reason)).toEqual(['refused', 'refused']);
    expect((await rows())[4]).toMatchObject({ ssn: 'new old 5', note: 'v2' });
  });

  test('a record that store.where no longer covers once it is swapped is restored all the same', async () => {
    const { openStore, openJournal, rows } = await people('text');
    const before = await rows();
    await swap(await openStore({ where: "ssn LIKE 'old%'" }), anew);
    expect((await undo(await openJournal())).counts.restored).toBe(10);
    expect(await rows()).toEqual(before);
  });

  test('only what was swapped is journalled: no conflict, no refusal, nothing a trigger held back', async () => {
    const { openStore, schema } = await people('varchar(20)');
    const store = await openStore();
    const change = (id: number, oldValue: string, newValue: string) => ({
      ref: JSON.stringify([String(id), "it's"]),
      oldValue: bytes(oldValue),
      newValue: bytes(newValue),
      keyVersion: 'v2',
      revision: null,
    });
    const outcomes = await store.replace([
      change(1, 'old 1', 'new'),
      change(2, 'not so', 'new'),
      change(3, 'old 3', 'x'.repeat(21)),
      change(99, 'old', 'new'),
    ]);
    expect(outcomes.map((each) => (typeof each === 'string' ? each : each.code))).toEqual([
      ...['replaced', 'conflict', 'VALUE_REFUSED', 'conflict'],
    ]);
    const { rows } = await peer.pool.query(
      `SELECT rotation, ref, convert_from(old_value, 'UTF8') AS old, old_version,
              new_digest = sha256('new') AS digest, restored_at
         FROM ${schema}.keyturn_journal`,
    );
    expect(rows).toEqual([
      {
        ...{ rotation, ref: '["1","it\'s"]', old: 'old 1' },
        ...{ old_version: 'note 1', digest: true, restored_at: null },
      },
    ]);
  });

  test('nothing is created without a journal, nor by a store that only reads', async () => {
    const { openStore, openJournal, schema } = await people('text');
    await swap(await openStore({ journal: null }), anew);
    const reading = await openStore({ readOnly: true });
    expect(reading.caveats).toEqual([]);
    expect(await reading.check()).toMatch(/, journal on$/);
    const { rows } = await peer.pool.query(
      `SELECT relname::text FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relkind = 'r'`,
      [schema],
    );
    expect(rows).toEqual([{ relname: 'people' }]);
    await expect(openJournal()).rejects.toMatchObject({ faultClass: 'usage', code: 'NO_JOURNAL' });
  });

  test('a certificate tells of the journal while there is anything in it', async () => {
    const { openStore, openJournal, schema } = await people('text');
    const store = await openStore();
    const caveat = expect.stringContaining(`${schema}.keyturn_journal holds old ciphertexts`);
    expect(store.caveats).toEqual([caveat]);
    expect((await openStore({ readOnly: true })).caveats).toEqual([]);
    await swap(store, anew);
    expect((await openStore({ readOnly: true, journal: null })).caveats).toEqual([caveat]);
    const journal = await openJournal({ use: 'purge' });
    expect(await journal.purge(() => undefined, signal)).toBe(10);
    expect((await openStore({ readOnly: true })).caveats).toEqual([]);
  });

  test('a purge drops one rotation’s entries, and the table with the last of them', async () => {
    const { openStore, openJournal } = await people('text');
    await swap(await openStore(), anew);
    await swap(await openStore({ journal: { rotation: 'other' } }), anew, [1, 2]);
    const [mine, other] = [
      await openJournal({ use: 'purge' }),
      await openJournal({ rotation: 'other', use: 'purge' }),
    ];
    expect(await mine.purge(() => undefined, signal)).toBe(10);
    await mine.dropIfEmpty();
    expect(await mine.span()).toBeNull();
    expect((await undo(await openJournal({ rotation: 'other' }))).counts.restored).toBe(2);
    expect(await other.purge(() => undefined, signal)).toBe(2);
    await other.dropIfEmpty();
    await expect(openJournal()).rejects.toMatchObject({ code: 'NO_JOURNAL' });
  });

  test('a worker whose journal another rotation’s purge has dropped makes it again', async () => {
    const { openStore, openJournal } = await people('text');
    const store = await openStore();
    const purge = await openJournal({ rotation: 'other', use: 'purge' });
    await purge.dropIfEmpty();
    await swap(store, anew);
    expect((await undo(await openJournal())).counts.restored).toBe(10);
  });

  test.each([{ key: ['region', 'id'] }, { column: 'note' }])(
    'entries that were made with another config than %j are neither restored nor purged, but named',
    async (other) => {
      const { openStore, openJournal } = await people('text');
      await swap(await openStore({ versionColumn: undefined }), anew);
      const refused = { faultClass: 'usage', code: 'JOURNAL_OF_OTHER_CONFIG' };
      const change = { versionColumn: undefined, ...other };
      await expect(openJournal(change)).rejects.toMatchObject(refused);
      await expect(openJournal({ ...change, use: 'purge' })).rejects.toMatchObject(refused);
      // The version note was not journalled, so there is none to put back.
      await expect(openJournal()).rejects.toMatchObject(refused);
    },
  );

  test.runIf(kind === 'PostgreSQL')('workers that start together make one journal', async () => {
    const { openStore, openJournal } = await people('text');
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore()));
    for (const [place, store] of stores.entries()) await swap(store, anew, [place + 1]);
    expect((await undo(await openJournal())).counts.restored).toBe(4);
  });

  test.runIf(kind === 'PostgreSQL')(
    'a missing right is named with its GRANT, before anything is swapped',
    async () => {
      const { openStore, openJournal, schema, table } = await people('text');
      const name = `clerk ${randomUUID()}`;
      const role = `"${name}"`;
      const { pool } = peer;
      await pool.query(`CREATE ROLE ${role} LOGIN`);
      const url = new URL(peer.url ?? '');
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
        await expect(openStore(as)).rejects.toMatchObject(
          denied(`GRANT CREATE ON SCHEMA ${schema} TO ${role}`),
        );
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
    },
  );

  test.runIf(kind === 'PostgreSQL')(
    'a locked row is not waited for without end, and restored later',
    async () => {
      const { openStore, openJournal, table } = await people('text');
      await swap(await openStore(), anew);
      const application = new Client(peer.url ?? '');
      await application.connect();
      onTestFinished(() => application.end());
      await application.query(`BEGIN; SELECT FROM ${table} WHERE id IN (2, 9) FOR UPDATE`);
      const first = await undo(await openJournal());
      expect(first.counts).toMatchObject({ restored: 8, locked: 2 });
      expect(first.left.map(({ reason }) => reason)).toEqual(['locked', 'locked']);
      const again = undo(await openJournal(), { batchSize: 100 });
      await application.query('COMMIT');
      expect((await again).counts).toMatchObject({ restored: 2, alreadyRestored: 8, locked: 0 });
    },
  );
});
