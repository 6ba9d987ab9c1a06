import { z } from 'zod';
import type { BeginPass, Ledger, LedgerSnapshot } from '../../rotation/ports/ledger.ts';
import { transitions } from '../../rotation/state.ts';
import {
  formatBatch,
  formatFailure,
  formatStage,
  nameCounts,
  namedCounts,
  parseFailure,
  parsePosition,
  parseSnapshot,
  tooManyFailures,
} from '../ledger-row.ts';
import { parseStored } from '../stored-value.ts';
import type { SqlPool } from './pool.ts';
import { bindPool, bindQuestion } from './run-statement.ts';

const { begin, restart, pause, resume, cancel, finish, extend } = transitions;

/*
 * An UPDATE of one row is one step for all others by itself: it waits for whoever holds the row, and then
 * checks its WHERE and computes its SET on what that one has left.
 */

const positionSql = `
SELECT "cursor", scanned::integer, batches,
  CASE WHEN get_bit(bits, (batches - 1) % 4096) = 1 THEN NULL ELSE staged END AS staged
FROM keyturn.rotation LEFT JOIN keyturn.settled ON rotation = name AND chunk = (batches - 1) / 4096 AND batches > 0
WHERE name = $1 AND epoch = $2`;

/**
 * The batch that is staged already, staged again,
 * is a call repeated after a lost reply and changes nothing.
 */
const stageSql = `
UPDATE keyturn.rotation SET
  enqueued = enqueued + CASE WHEN batches = $3 THEN $5 ELSE 0 END,
  "cursor" = CASE WHEN batches = $3 THEN coalesce($6, "cursor") ELSE "cursor" END,
  batches = $3 + 1, staged = $4
WHERE name = $1 AND epoch = $2
  AND ((batches = $3 AND state = ANY ($7)) OR (batches = $3 + 1 AND staged = $4))
RETURNING 1`;

const extendSql = `
UPDATE keyturn.rotation SET state = $4, scanned = false, finished_at = NULL
WHERE name = $1 AND epoch = $2 AND state = ANY ($3)
RETURNING 1`;

const leaveSql = `
UPDATE keyturn.rotation SET state = $3, pause_cause = $4, reason = $5
WHERE name = $1 AND state = ANY ($2)
RETURNING 1`;

/** The snapshot need not see the worker, so one statement does for both. */
const reportSql = `
WITH seen AS (
  INSERT INTO keyturn.worker VALUES ($1, $2, clock_timestamp(), $3, $4)
  ON CONFLICT (rotation, id) DO UPDATE SET seen_at = excluded.seen_at,
    calls_per_second = excluded.calls_per_second, records_per_second = excluded.records_per_second
)
SELECT * FROM keyturn.snapshot WHERE name = $1`;

const workersSql = `
SELECT count(*)::integer AS alive, coalesce(sum(calls_per_second), 0) AS "callsPerSecond",
  coalesce(sum(records_per_second), 0) AS "recordsPerSecond"
FROM keyturn.worker WHERE rotation = $1 AND seen_at > clock_timestamp() - interval '5 seconds'`;

const failuresSql = `
SELECT detail FROM keyturn.failure
WHERE rotation = $1 AND ($2::text IS NULL OR ref > decode($2, 'hex'))
ORDER BY ref LIMIT $3`;

const failedAmongSql = `
SELECT encode(ref, 'hex') AS ref FROM keyturn.failure
WHERE rotation = $1 AND digest IN (SELECT sha256(decode(given, 'hex')) FROM unnest($2::text[]) AS given)`;

const failureCodesSql = `
SELECT code, count(*)::integer AS count FROM keyturn.failure WHERE rotation = $1 GROUP BY code`;

const codeRow = z.object({ code: z.string(), count: z.int() });
const workersRow = z.object({ alive: z.int(), callsPerSecond: z.number(), recordsPerSecond: z.number() });

/** The ledger on PostgreSQL, also embedded, in a database that `prepareDatabase` has prepared. */
export function createPostgresLedger({ pool, rotation }: { pool: SqlPool; rotation: string }): Ledger {
  const run = bindPool(pool);
  const ask = bindQuestion(run, rotation);
  const beginPass = (
    from: readonly string[],
    lost: string | null,
    { epoch, pin, planDigest, planParts, estimate }: BeginPass,
  ): Promise<boolean> =>
    ask(
      'SELECT keyturn.begin_pass($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
      from,
      lost,
      begin.to,
      epoch,
      pin.keyId,
      pin.versionId,
      planDigest,
      JSON.stringify(planParts),
      estimate,
    );

  return {
    snapshot: async () => readSnapshot(await run('SELECT * FROM keyturn.snapshot WHERE name = $1', rotation)),
    begin: (pass) => beginPass(begin.from, null, pass),
    restart: (lost, pass) => beginPass(restart.from, lost, pass),
    async position(epoch) {
      const [row] = await run(positionSql, rotation, epoch);
      return row === undefined ? null : parsePosition(row);
    },
    // A pass takes batches as long as it can still be cancelled.
    stage: (stage) => ask(stageSql, ...formatStage(stage), cancel.from),
    completeScan: (epoch) =>
      ask('SELECT keyturn.complete_scan($1, $2, $3, $4)', epoch, finish.from, finish.to),
    extend: (epoch) => ask(extendSql, epoch, extend.from, extend.to),
    putBack: (batch) =>
      ask(
        'SELECT keyturn.put_back($1, $2, $3, $4, $5, $6, $7, $8)',
        batch.epoch,
        batch.number,
        formatBatch(batch),
        batch.refs.map(toHex),
        cancel.from,
        extend.from,
        extend.to,
      ),
    async settle(epoch, batch, { rotated, skipped, missing, conflicts }, failures, before) {
      const rows = await run(
        'SELECT * FROM keyturn.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)',
        rotation,
        epoch,
        batch,
        rotated,
        skipped,
        missing,
        conflicts,
        Object.keys(before).map(toText),
        Object.values(before),
        namedCounts,
        failures.map(({ ref }) => toHex(ref)),
        failures.map(formatFailure),
        failures.map(({ code }) => toText(code)),
        finish.from,
        finish.to,
      );
      return rows.length === 0 ? null : readSnapshot(rows);
    },
    pause: (cause, reason) => ask(leaveSql, pause.from, pause.to, cause, toText(reason)),
    resume: () =>
      ask(
        'SELECT keyturn.resume($1, $2, $3, $4, $5, $6)',
        resume.from,
        resume.to,
        tooManyFailures,
        finish.from,
        finish.to,
      ),
    cancel: () => ask(leaveSql, cancel.from, cancel.to, null, null),
    async failures(after, limit) {
      const rows = await run(failuresSql, rotation, after === null ? null : toHex(after), limit);
      return rows.map(({ detail }) => parseFailure(detail));
    },
    async failureCodes() {
      const rows = parseStored(z.array(codeRow), await run(failureCodesSql, rotation));
      return nameCounts(rows.map(({ code, count }) => [code, count]));
    },
    async failedAmong(refs) {
      const found = new Set((await run(failedAmongSql, rotation, refs.map(toHex))).map(({ ref }) => ref));
      return new Set(refs.filter((ref) => found.has(toHex(ref))));
    },
    report: async ({ workerId, callsPerSecond, recordsPerSecond }) =>
      readSnapshot(await run(reportSql, rotation, workerId, callsPerSecond, recordsPerSecond)),
    async workers() {
      const [row] = await run(workersSql, rotation);
      return parseStored(workersRow, row);
    },
  };
}

/** No row is a rotation never begun. */
function readSnapshot([row = {}]: readonly Record<string, unknown>[]): LedgerSnapshot {
  return parseSnapshot(row);
}

/** PostgreSQL's text holds no NUL. */
function toText(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** As bytes in hexadecimal digits: a text cannot hold every character. */
function toHex(ref: string): string {
  return Buffer.from(ref).toString('hex');
}
