import { toBrokerFault } from '../broker-fault.ts';
import { censusLedgerSql } from './census-ledger.sql.ts';
import { ledgerSql } from './ledger.sql.ts';
import { paceSql } from './pace.sql.ts';
import type { SqlPool } from './pool.ts';
import { tablesSql } from './tables.sql.ts';

/** Goes up with every change of the tables or functions; an older keyturn leaves a newer schema alone. */
const schemaVersion = 2;

const migrationSql = `${tablesSql}${ledgerSql}${paceSql}${censusLedgerSql}
CREATE TABLE IF NOT EXISTS keyturn.migration (version integer PRIMARY KEY);
INSERT INTO keyturn.migration VALUES (${schemaVersion}) ON CONFLICT DO NOTHING;
`;

/**
 * Makes or updates the tables and functions of ledger and pace in the schema `keyturn`. Safe to repeat, and
 * from any number of processes at a time. Throws broker faults.
 */
export async function migrateLedger(pool: SqlPool): Promise<void> {
  try {
    if (!(await isCurrent(pool))) await pool.query(migrationSql);
  } catch (error) {
    throw toBrokerFault(error);
  }
}

/** Where all is in place, no right to create anything is needed. */
async function isCurrent(pool: SqlPool): Promise<boolean> {
  const { rows: tables } = await pool.query(`SELECT to_regclass('keyturn.migration') IS NOT NULL AS made`);
  if (tables[0]?.made !== true) return false;
  const { rows } = await pool.query('SELECT version FROM keyturn.migration WHERE version >= $1', [
    schemaVersion,
  ]);
  return rows.length > 0;
}
