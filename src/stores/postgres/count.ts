import { z } from 'zod';
import { queryRows, type SqlPool } from './sql-pool.ts';
import { notOfOneRecord } from './scope.ts';
import type { Statements } from './statements.ts';

/** From here on the planner's estimate is good enough. */
const estimateFromRecords = 100_000;
/** In the planner's units, where reading a page is 1: at most some seconds. */
const affordableCost = 100_000;

const planRow = z.object({
  'QUERY PLAN': z.tuple([
    z.object({ Plan: z.object({ 'Plan Rows': z.number(), 'Total Cost': z.number() }) }),
  ]),
});
const countRow = z.object({ records: z.coerce.number() });

/**
 * Counts the records in scope; an estimate where there are many,
 * or where finding the few would take long.
 */
export async function countRecords(
  pool: SqlPool,
  sql: Pick<Statements, 'estimate' | 'count'>,
): Promise<{ records: number; exact: boolean }> {
  const [row] = await queryRows(pool, planRow, sql.estimate).catch(notOfOneRecord);
  const plan = row?.['QUERY PLAN'][0].Plan;
  const estimate = plan?.['Plan Rows'] ?? 0;
  if (estimate >= estimateFromRecords || (plan?.['Total Cost'] ?? 0) > affordableCost)
    return { records: estimate, exact: false };
  const [counted] = await queryRows(pool, countRow, sql.count).catch(notOfOneRecord);
  return { records: counted?.records ?? 0, exact: true };
}
