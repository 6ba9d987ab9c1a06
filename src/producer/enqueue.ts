import { sleep } from '../rotation/backoff.ts';
import type { Batch } from '../rotation/batch.ts';
import { patiently } from '../rotation/patience.ts';
import { scanPatiently } from '../rotation/patient-scan.ts';
import type { Ledger, LedgerSnapshot } from '../rotation/ports/ledger.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import { createBatchStager, type StagerDeps } from './batch-stager.ts';

const backlogPollMs = 100;

/** What a producer needs of a ledger: the rotation's, or that of a census. */
export interface ScanLedger extends Pick<Ledger, 'position' | 'stage' | 'completeScan'> {
  snapshot(): Promise<Pick<LedgerSnapshot, 'state'>>;
}

export interface EnqueueDeps extends Omit<StagerDeps, 'ledger'> {
  readonly store: RecordStore;
  readonly ledger: ScanLedger;
  readonly batchSize: number;
  /** Most batches in the broker at a time. */
  readonly backlog: number;
}

/** `superseded`: the pass is no longer the current one, or was cancelled. */
export type EnqueueEnd = 'complete' | 'interrupted' | 'superseded';

/**
 * The producer: goes on where the last one stopped and ends when the whole store is enqueued. A batch is
 * fixed in the ledger, with the cursor behind it, before it goes to the queue; so a crash anywhere leaves at
 * most one batch to add again, with the same references. Two producers at a time do no harm: each batch
 * number is given once, and the slower one goes on behind the faster.
 */
export async function enqueueStore(
  deps: EnqueueDeps,
  epoch: string,
  signal: AbortSignal,
): Promise<EnqueueEnd> {
  const { ledger, store } = deps;
  const scan: RecordStore['scan'] = (...from) => store.scan(...from);
  const patience = { signal, patienceMs: Infinity, onFault: deps.onFault };
  const stager = createBatchStager(deps, epoch, signal);
  const room = createBacklogGate(deps, signal);

  while (!signal.aborted) {
    const position = await stager.position();
    if (position === null) return 'superseded';
    if (position.scanned) return 'complete';

    let next = position.nextBatch;
    let overtaken = false;
    for await (const page of scanPatiently(scan, position.cursor, deps.batchSize, patience)) {
      if (!(await room())) return signal.aborted ? 'interrupted' : 'superseded';
      const batch: Batch = { epoch, number: next, refs: page.refs, late: false };
      overtaken = !(await stager.stage(batch, () => ledger.stage({ batch, cursor: page.cursor })));
      if (overtaken) break;
      next += 1;
    }
    if (signal.aborted) break;
    if (overtaken) continue;
    return (await patiently(patience, () => ledger.completeScan(epoch))) ? 'complete' : 'superseded';
  }
  return 'interrupted';
}

/**
 * Waits until the broker holds fewer batches than the backlog. It asks once for as many batches as there was
 * room for. False when `signal` aborts or the rotation is cancelled.
 */
function createBacklogGate(
  { queue, ledger, backlog, onFault }: EnqueueDeps,
  signal: AbortSignal,
): () => Promise<boolean> {
  let room = 0;
  return async () => {
    while (room <= 0) {
      if (signal.aborted) return false;
      const [depth, { state }] = await patiently({ signal, patienceMs: Infinity, onFault }, () =>
        Promise.all([queue.depth(), ledger.snapshot()]),
      );
      if (state === 'cancelled' || state === 'new') return false;
      room = backlog - depth;
      if (room <= 0) await sleep(backlogPollMs, signal);
    }
    room -= 1;
    return true;
  };
}
