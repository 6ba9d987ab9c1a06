import { z } from 'zod';
import { notOfOneRecord } from './scope.ts';
import { queryRows, type SqlPool } from './sql-pool.ts';
import type { Statements } from './statements.ts';

/** In the planner's units, where reading a page is 1: at most some seconds. */
export const affordableCost = 100_000;

const planRow = z.object({
  'QUERY PLAN': z.tuple([
    z.object({ Plan: z.object({ 'Plan Rows': z.number(), 'Total Cost': z.number() }) }),
  ]),
});

/** What the planner expects of reading all records in scope; `cost` is in its own units. */
export async function estimateScope(
  pool: SqlPool,
  sql: Pick<Statements, 'estimate'>,
): Promise<{ records: number; cost: number }> {
  const [row] = await queryRows(pool, planRow, sql.estimate).catch(notOfOneRecord);
  const plan = row?.['QUERY PLAN'][0].Plan;
  return { records: plan?.['Plan Rows'] ?? 0, cost: plan?.['Total Cost'] ?? 0 };
}
