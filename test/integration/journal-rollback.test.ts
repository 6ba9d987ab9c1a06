import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEmbeddedDatabase } from '../../src/broker/embedded.ts';
import { connectPostgres } from '../../src/stores/postgres/connect.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import { anew, createPeople, rotation, swap, undo } from '../support/journalled-people.ts';
import { freshDatabase } from '../support/peers.ts';
import { shared } from '../support/postgres-table.ts';

interface Peer {
  readonly pool: SqlPool;
  close(): Promise<void>;
}

async function realServer(): Promise<Peer> {
  const database = await freshDatabase();
  const pool = await connectPostgres(database.url, { connections: 4 });
  const close = async (): Promise<void> => {
    await pool.end();
    await database.drop();
  };
  return { pool, close };
}

async function embedded(): Promise<Peer> {
  const pool = await openEmbeddedDatabase('memory://');
  return { pool, close: () => pool.end() };
}

const signal = new AbortController().signal;
const bytes = (text: string): Buffer => Buffer.from(text);

describe.each([
  ['PostgreSQL', realServer],
  ['the embedded database', embedded],
] as const)('on %s', (_kind, start) => {
  let peer: Peer;
  beforeAll(async () => {
    peer = await start();
  }, 60_000);
  afterAll(() => peer.close());

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
      const { openStore, openJournal, rows } = await createPeople(peer.pool, type, valueOf);
      const before = await rows();
      await swap(await openStore(), toNew);
      expect((await rows()).map(({ note }) => note)).toEqual(before.map(() => 'v2'));
      const report = await undo(await openJournal());
      expect(report).toMatchObject({ complete: true, counts: { restored: 10, changedSince: 0 }, left: [] });
      expect(await rows()).toEqual(before);
    },
  );

  test('what the application wrote since is kept and reported, as is what it deleted', async () => {
    const { openStore, openJournal, rows, table } = await createPeople(peer.pool, 'text');
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
      'old 1',
      'old 2',
      'old 3',
      'of the application',
      null,
      'old 7',
      'old 8',
      'old 9',
      'old 10',
    ]);
  });

  test('a record that was swapped several times goes back to the first value, in any cut of batches', async () => {
    const { openStore, openJournal, rows } = await createPeople(peer.pool, 'text');
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
    const { openStore, openJournal, rows, table } = await createPeople(peer.pool, 'text');
    await swap(await openStore(), anew);
    await undo(await openJournal());
    await peer.pool.query(`UPDATE ${table} SET ssn = 'new old 1' WHERE id = 1`);
    const before = await rows();
    const { counts } = await undo(await openJournal());
    expect(counts).toMatchObject({ restored: 0, alreadyRestored: 10, changedSince: 0 });
    expect(await rows()).toEqual(before);
  });

  test('a lost reply costs nothing: the batch is asked again, and its marks tell that it was done', async () => {
    const { openStore, openJournal, rows } = await createPeople(peer.pool, 'text');
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
    const { openStore, openJournal, rows } = await createPeople(peer.pool, 'text');
    const before = await rows();
    await swap(await openStore(), anew);
    const reports = await Promise.all([undo(await openJournal()), undo(await openJournal())]);
    const restored = reports.map(({ counts }) => counts.restored);
    expect(restored.reduce((sum, each) => sum + each)).toBe(10);
    for (const { counts } of reports) expect(counts.restored + counts.alreadyRestored).toBe(10);
    expect(await rows()).toEqual(before);
  });

  test('an old value that the table refuses by now is told, and holds up no other', async () => {
    const { openStore, openJournal, table, rows } = await createPeople(peer.pool, 'text');
    await swap(await openStore(), anew);
    await peer.pool.query(`ALTER TABLE ${table} ADD CHECK (ssn NOT IN ('old 5', 'old 6')) NOT VALID`);
    const { counts, left } = await undo(await openJournal());
    expect(counts).toMatchObject({ restored: 8, refused: 2 });
    expect(left.map(({ reason }) => reason)).toEqual(['refused', 'refused']);
    expect((await rows())[4]).toMatchObject({ ssn: 'new old 5', note: 'v2' });
  });

  test('a record that store.where no longer covers once it is swapped is restored all the same', async () => {
    const { openStore, openJournal, rows } = await createPeople(peer.pool, 'text');
    const before = await rows();
    await swap(await openStore({ where: "ssn LIKE 'old%'" }), anew);
    expect((await undo(await openJournal())).counts.restored).toBe(10);
    expect(await rows()).toEqual(before);
  });

  test('only what was swapped is journalled: no conflict, no refusal, nothing a trigger held back', async () => {
    const { openStore, schema } = await createPeople(peer.pool, 'varchar(20)');
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
      'replaced',
      'conflict',
      'VALUE_REFUSED',
      'conflict',
    ]);
    const { rows } = await peer.pool.query(
      `SELECT rotation, ref, convert_from(old_value, 'UTF8') AS old, old_version,
              new_digest = sha256('new') AS digest, restored_at
         FROM ${schema}.keyturn_journal`,
    );
    expect(rows).toEqual([
      {
        rotation,
        ref: '["1","it\'s"]',
        old: 'old 1',
        old_version: 'note 1',
        digest: true,
        restored_at: null,
      },
    ]);
  });

  test('nothing is created without a journal, nor by a store that only reads', async () => {
    const { openStore, openJournal, schema } = await createPeople(peer.pool, 'text');
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
    const { openStore, openJournal, schema } = await createPeople(peer.pool, 'text');
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
    const { openStore, openJournal } = await createPeople(peer.pool, 'text');
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
    const { openStore, openJournal } = await createPeople(peer.pool, 'text');
    const store = await openStore();
    const purge = await openJournal({ rotation: 'other', use: 'purge' });
    await purge.dropIfEmpty();
    await swap(store, anew);
    expect((await undo(await openJournal())).counts.restored).toBe(10);
  });

  test.each([{ key: ['region', 'id'] }, { column: 'note' }])(
    'entries that were made with another config than %j are neither restored nor purged, but named',
    async (other) => {
      const { openStore, openJournal } = await createPeople(peer.pool, 'text');
      await swap(await openStore({ versionColumn: undefined }), anew);
      const refused = { faultClass: 'usage', code: 'JOURNAL_OF_OTHER_CONFIG' };
      const change = { versionColumn: undefined, ...other };
      await expect(openJournal(change)).rejects.toMatchObject(refused);
      await expect(openJournal({ ...change, use: 'purge' })).rejects.toMatchObject(refused);
      // The version note was not journalled, so there is none to put back.
      await expect(openJournal()).rejects.toMatchObject(refused);
    },
  );
});
