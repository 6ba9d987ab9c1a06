import { z } from 'zod';
import type { Batch, RecordFailure } from '../rotation/batch.ts';
import {
  pauseCauses,
  type LedgerSnapshot,
  type PauseCause,
  type ProducerPosition,
  type StageBatch,
} from '../rotation/ports/ledger.ts';
import { states, type RotationState } from '../rotation/state.ts';
import { batchSchema, failureSchema } from './batch-schema.ts';
import { parseStored, parseStoredJson } from './stored-value.ts';

/** Of a rotation that the broker knows nothing of. */
export const initialState: RotationState = 'new';

/** What both brokers answer for a snapshot, by the names of their hash fields and columns. */
export const snapshotColumns = [
  'state',
  'epoch',
  'pass',
  'key_id',
  'version_id',
  'plan_digest',
  'estimate',
  'enqueued',
  'batches',
  'settled_batches',
  'scanned',
  'rotated',
  'skipped',
  'missing',
  'failed',
  'conflicts',
  'reason',
  'pause_cause',
  'started_at',
  'finished_at',
  'plan_parts',
  'source_versions',
  'accepted_failures',
] as const;

/** The cause of a pause that a resume takes the failures of. */
export const tooManyFailures: PauseCause = 'failures';

/** How many versions, and codes of failures, are counted by name; `other` is for the rest. */
export const namedCounts = 50;

/** ECMA-262 §21.4.1.1: a Date holds no more milliseconds. */
const lastMoment = 8.64e15;

/** Decimal digits, as both brokers send large numbers; 0 where there is none. */
export const count = z
  .union([z.string(), z.number(), z.null()])
  .default(null)
  .transform(Number)
  .pipe(z.int().nonnegative());
const text = z.string().nullable().default(null);
const counts = z.record(z.string(), count);
/** Milliseconds since 1970 in, ISO 8601 out. */
export const time = z
  .union([z.string(), z.number(), z.null()])
  .default(null)
  .transform((ms) => (ms === null ? null : Number(ms)))
  .pipe(z.int().min(0).max(lastMoment).nullable())
  .transform((ms) => (ms === null ? null : new Date(ms).toISOString()));

const planParts = z.record(z.string(), z.string());

const snapshotRow = z.object({
  state: z
    .enum(states)
    .nullable()
    .default(null)
    .transform((state) => state ?? initialState),
  epoch: text,
  pass: count,
  key_id: text,
  version_id: text,
  plan_digest: text,
  estimate: count,
  enqueued: count,
  batches: count,
  settled_batches: count,
  scanned: count,
  rotated: count,
  skipped: count,
  missing: count,
  failed: count,
  conflicts: count,
  reason: text,
  pause_cause: z.enum(pauseCauses).nullable().default(null),
  started_at: time,
  finished_at: time,
  plan_parts: text,
  source_versions: text,
  accepted_failures: count,
});

/** Reads a snapshot; an empty row is a rotation never begun. */
export function parseSnapshot(row: unknown): LedgerSnapshot {
  const read = parseStored(snapshotRow, row);
  const { rotated, skipped, missing, failed, conflicts } = read;
  return {
    state: read.state,
    epoch: read.epoch,
    pass: read.pass,
    pin:
      read.key_id === null || read.version_id === null
        ? null
        : { keyId: read.key_id, versionId: read.version_id },
    planDigest: read.plan_digest,
    planParts: read.plan_parts === null ? null : parseStoredJson(planParts, read.plan_parts),
    estimate: read.estimate,
    enqueued: read.enqueued,
    batches: read.batches,
    settledBatches: read.settled_batches,
    scanned: read.scanned === 1,
    tally: { rotated, skipped, missing, failed, conflicts },
    acceptedFailures: read.accepted_failures,
    before: read.source_versions === null ? {} : parseStoredJson(counts, read.source_versions),
    reason: read.reason,
    pauseCause: read.pause_cause,
    startedAt: read.started_at,
    finishedAt: read.finished_at,
  };
}

const cursorText = z.string();
const positionRow = z.object({ cursor: text, scanned: count, batches: count, staged: text });

/** Reads where the producer stands; the cursor and the staged batch are JSON. */
export function parsePosition(row: unknown): ProducerPosition {
  const { cursor, scanned, batches, staged } = parseStored(positionRow, row);
  return {
    cursor: cursor === null ? null : parseStoredJson(cursorText, cursor),
    scanned: scanned === 1,
    nextBatch: batches,
    staged: staged === null ? null : parseStoredJson(batchSchema, staged),
  };
}

/** One text for one batch, so that a repeated `stage` can be told by comparing texts. */
export function formatBatch({ epoch, number, refs, late }: Batch): string {
  return JSON.stringify({ epoch, number, refs, late });
}

/** What is kept of a staged batch: its epoch and number, itself, how many references, and the cursor behind it. */
export function formatStage({
  batch,
  cursor,
}: StageBatch): [epoch: string, number: number, batch: string, refs: number, cursor: string | null] {
  const { epoch, number, refs } = batch;
  return [epoch, number, formatBatch(batch), refs.length, cursor === null ? null : JSON.stringify(cursor)];
}

export function parseFailure(json: unknown): RecordFailure {
  return parseStoredJson(failureSchema, parseStored(z.string(), json));
}

export function formatFailure({ ref, code, message, requestId, time, attempts }: RecordFailure): string {
  return JSON.stringify({ ref, code, message, requestId, time, attempts });
}

/** Names the most frequent of the counts, `namedCounts` at most; the rest is under `other`. */
export function nameCounts(
  counted: readonly (readonly [name: string, count: number])[],
): Record<string, number> {
  const sorted = counted.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const rest = sorted.slice(namedCounts).reduce((sum, [, each]) => sum + each, 0);
  const named = new Map(sorted.slice(0, namedCounts));
  if (rest > 0) named.set('other', (named.get('other') ?? 0) + rest);
  return Object.fromEntries(named);
}
