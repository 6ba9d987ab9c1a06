import { z } from 'zod';
import { affordableCost, estimateScope } from './plan-estimate.ts';
import { notOfOneRecord } from './scope.ts';
import { queryRows, type SqlPool } from './sql-pool.ts';
import type { Statements } from './statements.ts';

/** Blocks that are read for each record that is wanted: neighbours in a block are much alike. */
const blocksPerRecord = 4;
/** Records that a draw should find for each that is wanted, as the planner may be wrong. */
const recordsPerRecord = 2;
/** Blocks that a draw may read: 400 MB at the usual 8 kB. */
const affordableBlocks = 50_000;
/** How much larger the next draw is where one found too few. */
const growth = 8;

const keyRow = z.object({ key: z.array(z.string()) });
const blocksRow = z.object({ blocks: z.number() });

// A plain table is in no partition tree.
const blocksQuery = `
SELECT (coalesce(
          (SELECT sum(pg_catalog.pg_relation_size(relid)) FROM pg_catalog.pg_partition_tree($1::text::regclass)),
          pg_catalog.pg_relation_size($1::text::regclass)
        ) / pg_catalog.current_setting('block_size')::int)::float8 AS blocks`;

/**
 * Keys of records drawn at random. Of a table that is read in seconds, all rows are equally likely. Of a
 * larger one a share of its blocks is drawn, larger each time until it holds enough records in scope, and the
 * records from these; fewer than `size` where they lie too thinly for that.
 */
export async function sampleKeys(
  pool: SqlPool,
  sql: Pick<Statements, 'estimate' | 'sampleAll' | 'sampleBlocks'>,
  table: string,
  size: number,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  const draw = async (statement: string, values: unknown[]): Promise<readonly string[][]> =>
    (await queryRows(pool, keyRow, statement, values).catch(notOfOneRecord)).map(({ key }) => key);

  const { records, cost } = await estimateScope(pool, sql);
  if (cost <= affordableCost) return draw(sql.sampleAll, [size]);
  const [row] = await queryRows(pool, blocksRow, blocksQuery, [table]);
  const blocks = Math.max(1, row?.blocks ?? 1);
  const most = Math.min(1, affordableBlocks / blocks);
  let share = Math.max((blocksPerRecord * size) / blocks, (recordsPerRecord * size) / Math.max(1, records));
  for (;;) {
    const keys = await draw(sql.sampleBlocks, [size, Math.min(share, most) * 100]);
    if (keys.length >= size || share >= most || signal.aborted) return keys;
    share *= growth;
  }
}
