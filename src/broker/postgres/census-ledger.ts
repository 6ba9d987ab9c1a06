import { z } from 'zod';
import type { CensusLedger, CensusSnapshot } from '../../rotation/ports/census-ledger.ts';
import { parseCensus } from '../census-row.ts';
import { Fault } from '../../rotation/faults.ts';
import { formatStage, parsePosition } from '../ledger-row.ts';
import { parseStoredJson } from '../stored-value.ts';
import type { SqlPool } from './pool.ts';
import { bindPool, bindQuestion } from './run-statement.ts';

/** One statement sees one moment: the counts and the versions fit. */
const snapshotSql = `
SELECT id, key_id, version_id, plan_digest, deep::integer, enqueued, batches, settled_batches,
  scanned::integer, records, unreadable, by_header, contradicted,
  (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
  (extract(epoch FROM read_at) * 1000)::bigint AS read_at,
  (SELECT coalesce(json_agg(json_build_array(version_id, seen.records)), '[]')::text
   FROM keyturn.census_version AS seen WHERE seen.rotation = census.rotation) AS versions
FROM keyturn.census WHERE rotation = $1 AND id IS NOT NULL`;

const positionSql = `
SELECT "cursor", scanned::integer, batches, staged FROM keyturn.census WHERE rotation = $1 AND id = $2`;

/** The batch that is staged already, staged again, is a call repeated after a lost reply. */
const stageSql = `
UPDATE keyturn.census SET
  enqueued = enqueued + CASE WHEN batches = $3 THEN $5 ELSE 0 END,
  "cursor" = CASE WHEN batches = $3 THEN coalesce($6, "cursor") ELSE "cursor" END,
  batches = $3 + 1, staged = $4
WHERE rotation = $1 AND id = $2
  AND ((batches = $3 AND NOT scanned) OR (batches = $3 + 1 AND staged = $4))
RETURNING 1`;

const completeScanSql = `
UPDATE keyturn.census SET scanned = true,
  read_at = CASE WHEN scanned THEN read_at ELSE clock_timestamp() END
WHERE rotation = $1 AND id = $2
RETURNING 1`;

const closeSql = 'UPDATE keyturn.census SET closed = true WHERE rotation = $1 AND id = $2';

/** The census ledger on PostgreSQL, in a database that `prepareDatabase` has prepared. */
export function createPostgresCensusLedger({
  pool,
  rotation,
}: {
  pool: SqlPool;
  rotation: string;
}): CensusLedger {
  const run = bindPool(pool);
  const ask = bindQuestion(run, rotation);
  const snapshot = async (): Promise<CensusSnapshot | null> => {
    const [row] = await run(snapshotSql, rotation);
    if (row === undefined) return null;
    return parseCensus(row, parseStoredJson(z.unknown(), String(row['versions'])));
  };

  return {
    async open(id, { pin, deep, planDigest, pass }) {
      await run(
        'SELECT keyturn.open_census($1, $2, $3, $4, $5, $6, $7)',
        rotation,
        id,
        pin.keyId,
        pin.versionId,
        planDigest,
        pass ?? '',
        deep,
      );
      const census = await snapshot();
      if (census === null)
        throw new Fault('transient', 'LEDGER_LOST', 'the broker has lost the census; run again', {
          peer: 'broker',
        });
      return census;
    },
    snapshot,
    async position(id) {
      const [row] = await run(positionSql, rotation, id);
      return row === undefined ? null : parsePosition(row);
    },
    stage: (stage) => ask(stageSql, ...formatStage(stage)),
    completeScan: (id) => ask(completeScanSql, id),
    settle: (id, batch, { records, unreadable, byHeader, contradicted, byVersion }) =>
      ask(
        'SELECT keyturn.settle_census($1, $2, $3, $4, $5, $6, $7, $8, $9)',
        id,
        batch,
        records,
        unreadable,
        byHeader,
        contradicted,
        // PostgreSQL's text holds no NUL.
        Object.keys(byVersion).map((version) => version.replaceAll('\0', '\uFFFD')),
        Object.values(byVersion),
      ),
    close: async (id) => void (await run(closeSql, rotation, id)),
  };
}
