import type { Ledger } from '../rotation/ports/ledger.ts';
import type { Batch, RecordFailure } from '../rotation/batch.ts';
import { patiently } from '../rotation/patience.ts';
import type { Ref } from '../rotation/record.ts';
import { mayPutBack } from '../rotation/state.ts';
import { createBatchStager, type StagerDeps } from './batch-stager.ts';

export interface PutBackDeps extends StagerDeps {
  readonly ledger: Ledger;
  readonly batchSize: number;
}

/**
 * Puts failed records, all or those with this code, back in the queue as batches of the pass, and returns how
 * many. A crash anywhere leaves each record in the list of failures or in a staged batch, which the next
 * producer adds. Goes through the list once, so that one that fails again meanwhile is not tried for ever.
 * Two at a time put each record back once, though both may count it. Of a pass that another one follows
 * meanwhile, or that is cancelled, no more goes back.
 */
export async function putBackFailures(
  deps: PutBackDeps,
  epoch: string,
  code: string | null,
  signal: AbortSignal,
): Promise<number> {
  const { ledger, batchSize } = deps;
  const patience = { signal, patienceMs: Infinity, onFault: deps.onFault };
  const stager = createBatchStager(deps, epoch, signal);

  /** One batch; without those that another command has put back meanwhile. */
  async function putBack(refs: readonly Ref[]): Promise<number> {
    let listed = refs;
    while (listed.length > 0) {
      const position = await stager.position();
      if (position === null) return 0;
      // `late`: neither header nor note is believed about the version, as they may be what was wrong.
      const batch: Batch = { epoch, number: position.nextBatch, refs: listed, late: true };
      if (await stager.stage(batch, () => ledger.putBack(batch))) return listed.length;
      const [{ state }, failed] = await patiently(patience, () =>
        Promise.all([ledger.snapshot(), ledger.failedAmong(listed)]),
      );
      if (!mayPutBack(state)) return 0;
      listed = listed.filter((ref) => failed.has(ref));
    }
    return 0;
  }

  const pageAfter = (after: Ref | null): Promise<RecordFailure[]> =>
    patiently(patience, () => ledger.failures(after, batchSize));

  // Also where nothing is listed any more: an earlier command may have died before its last batch was added.
  await stager.position();
  let count = 0;
  const chosen: Ref[] = [];
  for (let after: Ref | null = null; ;) {
    const page = await pageAfter(after);
    chosen.push(...page.filter((failure) => code === null || failure.code === code).map(({ ref }) => ref));
    const isLast = page.length < batchSize;
    while (chosen.length >= batchSize || (isLast && chosen.length > 0)) {
      count += await putBack(chosen.splice(0, batchSize));
    }
    after = page.at(-1)?.ref ?? null;
    if (isLast) return count;
  }
}
