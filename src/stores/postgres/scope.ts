import { z } from 'zod';
import { asFault, Fault } from '../../rotation/faults.ts';
import { queryRows, type SqlPool } from './sql-pool.ts';
import type { Statements } from './statements.ts';

/** Proves that `store.where` is a condition on the table, and that every record in scope has a whole key. */
export async function checkScope(pool: SqlPool, sql: Statements, table: string): Promise<void> {
  await queryRows(pool, z.unknown(), sql.checkScope).catch((error: unknown) => {
    const fault = asFault(error);
    if (fault.faultClass === 'transient' || fault.code === 'STORE_DENIED') throw fault;
    throw new Fault('usage', 'BAD_STORE_WHERE', `store.where is no condition on ${table}: ${fault.message}`);
  });
  if (sql.findNullKey === null) return;
  const nullKeys = await queryRows(pool, z.unknown(), sql.findNullKey).catch(notOfOneRecord);
  if (nullKeys.length === 0) return;
  throw new Fault(
    'usage',
    'BAD_STORE_TABLE',
    `store.key: records of ${table} have NULL in a key column, and nothing addresses them: ` +
      'give them a key, or leave them out by store.where',
  );
}

/**
 * Where nothing is written, a refused value is one that the condition met (a cast, a division by zero): it
 * fails for every record beside it, until a person mends the condition.
 */
export function notOfOneRecord(error: unknown): never {
  const fault = asFault(error);
  if (fault.faultClass !== 'record') throw fault;
  throw new Fault(
    'rotation',
    'BAD_STORE_WHERE',
    `store.where fails on a record: ${fault.message}; make it a condition that holds for any record`,
    { peer: 'store' },
  );
}
