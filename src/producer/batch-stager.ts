import type { Batch } from '../rotation/batch.ts';
import type { Fault } from '../rotation/faults.ts';
import { patiently } from '../rotation/patience.ts';
import type { BatchQueue } from '../rotation/ports/batch-queue.ts';
import type { Ledger, ProducerPosition } from '../rotation/ports/ledger.ts';

export interface StagerDeps {
  readonly ledger: Pick<Ledger, 'position'>;
  readonly queue: BatchQueue;
  readonly onFault: (fault: Fault) => void;
}

/** Brings batches first into the ledger, then to the queue. Both steps wait out the broker's outages. */
export interface BatchStager {
  /**
   * Where producers stand. What another one staged is added again: it may have died before it was.
   * Null if the epoch is not current.
   */
  position(): Promise<ProducerPosition | null>;
  /** Has the ledger fix the batch, then adds it; false where the ledger refuses. */
  stage(batch: Batch, fix: () => Promise<boolean>): Promise<boolean>;
}

export function createBatchStager(
  { ledger, queue, onFault }: StagerDeps,
  epoch: string,
  signal: AbortSignal,
): BatchStager {
  const patience = { signal, patienceMs: Infinity, onFault };
  let lastAdded: number | null = null;

  async function add(batch: Batch): Promise<void> {
    if (batch.number === lastAdded) return;
    await patiently(patience, () => queue.add([batch]));
    lastAdded = batch.number;
  }

  return {
    async position() {
      const position = await patiently(patience, () => ledger.position(epoch));
      if (position !== null && position.staged !== null) await add(position.staged);
      return position;
    },
    async stage(batch, fix) {
      if (!(await patiently(patience, fix))) return false;
      await add(batch);
      return true;
    },
  };
}
