import { z } from 'zod';
import { affordableCost, estimateScope } from './plan-estimate.ts';
import { notOfOneRecord } from './scope.ts';
import { queryRows, type SqlPool } from './sql-pool.ts';
import type { Statements } from './statements.ts';

/** From here on the planner's estimate is good enough. */
const estimateFromRecords = 100_000;

const countRow = z.object({ records: z.coerce.number() });

/**
 * Counts the records in scope; an estimate where there are many,
 * or where finding the few would take long.
 */
export async function countRecords(
  pool: SqlPool,
  sql: Pick<Statements, 'estimate' | 'count'>,
): Promise<{ records: number; exact: boolean }> {
  const { records, cost } = await estimateScope(pool, sql);
  if (records >= estimateFromRecords || cost > affordableCost) return { records, exact: false };
  const [counted] = await queryRows(pool, countRow, sql.count).catch(notOfOneRecord);
  return { records: counted?.records ?? 0, exact: true };
}
