import type { SqlPool } from './pool.ts';
import { bindPool } from './run-statement.ts';

const mendSql = `
WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms),
locks AS (
  UPDATE job SET locked_until_ms = ms + $2 FROM clock
  WHERE queue = $1 AND state = 'active' AND locked_until_ms > ms + 2 * $2::bigint
)
UPDATE meta SET value = ms::text FROM clock
WHERE queue = $1 AND field = 'stalled-check' AND value::bigint > ms + 2 * $2::bigint`;

/**
 * BullMQ on PostgreSQL (6.7) keeps times by the clocks of its clients: one whose clock was ahead for a moment leaves a
 * lock that nobody takes over, or a last look for such locks, after which nobody looks, for as long as it was
 * ahead. Brings both back to the clock of the server; who still holds its lock renews it.
 */
export async function mendTimes(pool: SqlPool, queue: string, lockMs: number): Promise<void> {
  await bindPool(pool)(mendSql, queue, lockMs);
}
