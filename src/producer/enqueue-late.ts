import type { Ledger } from '../rotation/ports/ledger.ts';
import { patiently } from '../rotation/patience.ts';
import type { Ref } from '../rotation/record.ts';
import { mayTransition } from '../rotation/state.ts';
import { createBatchStager, type StagerDeps } from './batch-stager.ts';

export interface LateDeps extends StagerDeps {
  readonly ledger: Ledger;
  /** The finished pass goes on; called once, before the first batch. */
  readonly onExtended: () => Promise<void>;
}

/** Adds what a census found stale to the finished pass. */
export interface LateBatches {
  /** Adds one batch; records that are known to have failed are left out. Calls may overlap. */
  add(refs: readonly Ref[]): Promise<void>;
  /** Ends the additions; true if there were any, and the pass has to be waited for again. */
  close(): Promise<boolean>;
}

export function openLateBatches(deps: LateDeps, epoch: string, signal: AbortSignal): LateBatches {
  const { ledger } = deps;
  const patience = { signal, patienceMs: Infinity, onFault: deps.onFault };
  const stager = createBatchStager(deps, epoch, signal);
  let extended = false;
  /** One at a time: each batch takes the next number. */
  let last: Promise<void> = Promise.resolve();

  /**
   * Extends the pass where it is finished: by us, or by a producer that has come to the end of its scan since.
   * False where it takes no more: it was cancelled, or another command has begun a new one, which will see
   * these records.
   */
  async function takesBatches(): Promise<boolean> {
    await patiently(patience, () => ledger.extend(epoch));
    // What it answers is not enough: a repeat after a lost reply finds the pass running.
    const { epoch: current, state } = await patiently(patience, () => ledger.snapshot());
    if (current !== epoch || !mayTransition(state, 'cancel')) return false;
    if (!extended) {
      extended = true;
      await deps.onExtended();
    }
    return true;
  }

  async function addNow(found: readonly Ref[]): Promise<void> {
    const failed = await patiently(patience, () => ledger.failedAmong(found));
    const refs = found.filter((ref) => !failed.has(ref));
    if (refs.length === 0) return;
    while (!signal.aborted && (await takesBatches())) {
      const position = await stager.position();
      if (position === null) return;
      const batch = { epoch, number: position.nextBatch, refs, late: true };
      if (await stager.stage(batch, () => ledger.stage({ batch, cursor: null }))) return;
    }
  }

  return {
    add(refs) {
      last = last.then(() => addNow(refs));
      return last;
    },
    async close() {
      await last;
      if (extended) await patiently(patience, () => ledger.completeScan(epoch));
      return extended;
    },
  };
}
