import { z } from 'zod';
import type { CensusSnapshot } from '../rotation/ports/census-ledger.ts';
import { count, time } from './ledger-row.ts';
import { parseStored } from './stored-value.ts';

/** What both brokers answer for a census, by the names of their hash fields and columns. */
export const censusColumns = [
  'id',
  'key_id',
  'version_id',
  'plan_digest',
  'deep',
  'enqueued',
  'batches',
  'settled_batches',
  'scanned',
  'records',
  'unreadable',
  'by_header',
  'contradicted',
  'started_at',
  'read_at',
] as const;

/** A day after its beginning nobody goes on with a census, and one that nobody touches for so long is lost. */
export const censusLivesMs = 24 * 60 * 60 * 1000;

const text = z.string();
const row = z.object({
  id: text,
  key_id: text,
  version_id: text,
  plan_digest: text,
  deep: count,
  enqueued: count,
  batches: count,
  settled_batches: count,
  scanned: count,
  records: count,
  unreadable: count,
  by_header: count,
  contradicted: count,
  started_at: time.pipe(text),
  read_at: time,
});
const versions = z.array(z.tuple([text, count]));

/** `found` is pairs of a version and its number of records. */
export function parseCensus(cells: unknown, found: unknown): CensusSnapshot {
  const read = parseStored(row, cells);
  const byVersion = parseStored(versions, found).toSorted(([left], [right]) => left.localeCompare(right));
  const { records, unreadable, contradicted } = read;
  return {
    id: read.id,
    pin: { keyId: read.key_id, versionId: read.version_id },
    deep: read.deep === 1,
    planDigest: read.plan_digest,
    enqueued: read.enqueued,
    batches: read.batches,
    settledBatches: read.settled_batches,
    scanned: read.scanned === 1,
    tally: {
      records,
      byVersion: Object.fromEntries(byVersion),
      unreadable,
      byHeader: read.by_header,
      contradicted,
    },
    startedAt: read.started_at,
    readAt: read.read_at,
  };
}
