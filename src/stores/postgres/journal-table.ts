import { z } from 'zod';
import { asFault, Fault } from '../../rotation/faults.ts';
import type { CatalogTable } from './catalog.ts';
import { quoteName } from './quote-name.ts';
import { queryRows, type SqlPool } from './sql-pool.ts';
import type { TableShape } from './table-shape.ts';

/** The table beside the store's, in which each swap notes the old value. */
export interface JournalTable {
  /** Quoted, with its schema: the one of the store's table. */
  readonly name: string;
  readonly schema: string;
  /** What an entry's ref and old note are of: table, column, key and version column. */
  readonly origin: string;
  /** Who we are there, quoted. */
  readonly role: string;
}

const tableName = 'keyturn_journal';

const stateRow = z.object({
  mayCreate: z.boolean(),
  /** Null where there is no such table. */
  rights: z.record(z.enum(['SELECT', 'INSERT', 'UPDATE', 'DELETE']), z.boolean()).nullable(),
});
export type JournalState = z.output<typeof stateRow>;
export type JournalRight = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';

export function journalTableOf(table: CatalogTable, shape: TableShape): JournalTable {
  const schema = quoteName(table.schema);
  const key = shape.key.map(({ name }) => name).join(', ');
  const note = shape.versionColumn === null ? '' : `, ${shape.versionColumn}`;
  return {
    name: `${schema}.${tableName}`,
    schema: table.schema,
    origin: `${shape.table} (${key}): ${shape.column}${note}`,
    role: quoteName(table.role),
  };
}

const stateQuery = `
SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS "mayCreate",
       CASE WHEN c.oid IS NOT NULL THEN pg_catalog.json_build_object(
         'SELECT', pg_catalog.has_table_privilege(c.oid, 'SELECT'),
         'INSERT', pg_catalog.has_table_privilege(c.oid, 'INSERT'),
         'UPDATE', pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'),
         'DELETE', pg_catalog.has_table_privilege(c.oid, 'DELETE')) END AS rights
  FROM pg_catalog.pg_namespace n
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = '${tableName}'
 WHERE n.nspname = $1::text`;

export async function readJournalState(pool: SqlPool, { schema }: JournalTable): Promise<JournalState> {
  const [state] = await queryRows(pool, stateRow, stateQuery, [schema]);
  return state ?? { mayCreate: false, rights: null };
}

/** Makes the table where there is none yet. A usage `Fault` where a right is missing. */
export async function ensureJournal(pool: SqlPool, journal: JournalTable): Promise<void> {
  const state = await readJournalState(pool, journal);
  if (state.rights !== null) return requireRights(journal, state, ['INSERT']);
  if (!state.mayCreate) {
    throw denied(
      `store.journal: the role ${journal.role} may not create ${journal.name}: ` +
        `GRANT CREATE ON SCHEMA ${quoteName(journal.schema)} TO ${journal.role}, or let 'keyturn check' create it ` +
        `once as a role that may, and GRANT INSERT ON ${journal.name} TO ${journal.role}`,
    );
  }
  try {
    await queryRows(pool, z.unknown(), creation(journal.name));
  } catch (error) {
    // Of two that create it at a time PostgreSQL refuses one, IF NOT EXISTS or not.
    const { rights } = await readJournalState(pool, journal);
    if (rights === null) throw asFault(error);
  }
}

/** A usage `Fault` that names the grant that is missing. */
export function requireRights(
  { name, role }: JournalTable,
  { rights }: JournalState,
  wanted: readonly JournalRight[],
): void {
  const missing = wanted.filter((right) => rights?.[right] !== true).join(', ');
  if (missing === '') return;
  throw denied(`the role ${role} may not ${missing} in ${name}: GRANT ${missing} ON ${name} TO ${role}`);
}

/** What a certificate must say while the table holds anything, of whatever rotation. */
export async function findJournalCaveats(pool: SqlPool, journal: JournalTable): Promise<string[]> {
  const { rights } = await readJournalState(pool, journal);
  if (rights === null) return [];
  if (rights.SELECT) {
    const entries = await queryRows(pool, z.unknown(), `SELECT FROM ${journal.name} LIMIT 1`);
    if (entries.length === 0) return [];
  }
  return [journalCaveat(journal)];
}

export function journalCaveat({ name }: JournalTable): string {
  return (
    `the journal ${name} holds old ciphertexts, which only the old key version opens; ` +
    "'keyturn journal purge' drops those of a rotation"
  );
}

// Of no type of the store's table: it serves every table of the schema.
function creation(name: string): string {
  return `
CREATE TABLE IF NOT EXISTS ${name} (
  rotation text NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  origin text NOT NULL,
  ref text NOT NULL,
  old_value bytea NOT NULL,
  old_version text,
  new_digest bytea NOT NULL,
  swapped_at timestamptz NOT NULL DEFAULT now(),
  restored_at timestamptz,
  PRIMARY KEY (rotation, seq)
)`;
}

function denied(message: string): Fault {
  return new Fault('usage', 'JOURNAL_DENIED', message, { peer: 'store' });
}
