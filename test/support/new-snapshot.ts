import { emptyTally } from '../../src/rotation/batch.ts';
import type { LedgerSnapshot } from '../../src/rotation/ports/ledger.ts';

/** What a ledger tells of a rotation never begun. */
export const newSnapshot: LedgerSnapshot = {
  state: 'new',
  epoch: null,
  pass: 0,
  pin: null,
  planDigest: null,
  planParts: null,
  estimate: 0,
  enqueued: 0,
  batches: 0,
  settledBatches: 0,
  scanned: false,
  tally: emptyTally,
  acceptedFailures: 0,
  before: {},
  reason: null,
  pauseCause: null,
  startedAt: null,
  finishedAt: null,
};
