import { expect } from 'vitest';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { openPostgresJournal, type Journal } from '../../src/stores/postgres/journal.ts';
import { rollBack, type RollbackReport } from '../../src/stores/postgres/roll-back.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import { shared } from './postgres-table.ts';

const signal = new AbortController().signal;
export const rotation = 'people-ssn';
const ids = Array.from({ length: 10 }, (_, index) => index + 1);
let schemas = 0;

/** A table in a schema of its own: ten people, whose column is of the type `type`, and who opens it. */
export async function createPeople(
  pool: SqlPool,
  type: string,
  valueOf: (id: number) => string | Buffer = (id) => `old ${id}`,
) {
  schemas += 1;
  const schema = `"s${schemas} x"`;
  const table = `${schema}.people`;
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
export async function swap(store: RecordStore, toNew: (old: Buffer) => Buffer, only?: readonly number[]) {
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
/** The new value of a swap. */
export const anew = (old: Buffer): Buffer => Buffer.concat([Buffer.from('new '), old]);

/** What is restored, by a rollback of batches of three. */
export function undo(
  journal: Journal,
  change: Partial<Parameters<typeof rollBack>[1]> = {},
): Promise<RollbackReport> {
  const quiet = { onFault: () => undefined, beforeBatch: async () => undefined, onProgress: () => undefined };
  return rollBack(journal, { batchSize: 3, signal, ...quiet, ...change });
}
