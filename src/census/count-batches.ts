import { backoffMs, sleep } from '../rotation/backoff.ts';
import { emptyTally, type Batch, type BatchProgress } from '../rotation/batch.ts';
import type { ReEncryptDeps } from '../rotation/calls/re-encrypt-records.ts';
import { createSharedResults } from '../rotation/calls/shared-results.ts';
import { asFault, type Fault } from '../rotation/faults.ts';
import type { Format } from '../rotation/formats/format.ts';
import type { Goal } from '../rotation/goal.ts';
import { patiently } from '../rotation/patience.ts';
import type { BatchConsumer, BatchQueue, Processed } from '../rotation/ports/batch-queue.ts';
import type { CensusLedger, CensusSnapshot, CensusTally } from '../rotation/ports/census-ledger.ts';
import type { Pin } from '../rotation/ports/ledger.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref } from '../rotation/record.ts';
import { pagesInWork } from './census.ts';
import { countContradicted, countPage, type PageCount, type PageDeps } from './count-page.ts';
import { isSampled } from './sample.ts';

/** How long store and broker are waited for with a batch in hand; past it another process may have it. */
const patienceMs = 30_000;
/** How long a batch of a census under another config is kept from coming straight back to this process. */
const heldMs = 1000;
const betweenHandBacks = { initialMs: 1000, maxMs: 30_000 };

export interface CountDeps {
  readonly queue: BatchQueue;
  readonly ledger: CensusLedger;
  readonly store: RecordStore;
  readonly format: Format;
  readonly calls: ReEncryptDeps;
  readonly goalFor: (pin: Pin) => Goal;
  /** Digest of source, target, store and format in this process's config. */
  readonly planDigest: string;
  /** Told of what keeps this process from counting a batch, which goes back to the queue. */
  readonly onFault: (fault: Fault) => void;
}

/**
 * Counts batches of the rotation's census until it is closed; with nothing to do it waits. Whatever state the
 * rotation is in: a census writes nothing.
 */
export function startCounting(deps: CountDeps): BatchConsumer {
  const { calls, ledger, queue } = deps;
  /** What a process learned before this census proves nothing now: the KMS may have lost a version since. */
  let known = { censusId: '', shared: calls.shared };
  return queue.consume(count, pagesInWork);

  function callsFor(censusId: string): ReEncryptDeps {
    if (known.censusId !== censusId) known = { censusId, shared: createSharedResults(calls.shared.saved) };
    return { ...calls, shared: known.shared };
  }

  async function count(batch: Batch, earlier: BatchProgress | null, signal: AbortSignal): Promise<Processed> {
    const refs = earlier?.left ?? batch.refs;
    try {
      const census = await ledger.snapshot();
      if (census?.id !== batch.epoch) return { kind: 'settled' };
      if (census.planDigest === deps.planDigest) {
        const tally = await countBatch({ ...deps, calls: callsFor(census.id) }, census, refs, signal);
        const patience = { signal, patienceMs, onFault: calls.onFault };
        await patiently(patience, () => ledger.settle(census.id, batch.number, tally));
        return { kind: 'settled' };
      }
      // Held for a while: handed back at once, each batch would be taken from those that can count it.
      await sleep(heldMs, signal);
      return handBack(refs, earlier?.fruitless ?? 0, 0);
    } catch (error) {
      if (!signal.aborted) deps.onFault(asFault(error));
    }
    if (signal.aborted) return handBack(refs, 0, 0);
    const fruitless = (earlier?.fruitless ?? 0) + 1;
    return handBack(refs, fruitless, backoffMs(fruitless, betweenHandBacks));
  }
}

async function countBatch(
  { calls, format, goalFor, store }: CountDeps,
  census: CensusSnapshot,
  refs: readonly Ref[],
  signal: AbortSignal,
): Promise<CensusTally> {
  const goal = goalFor(census.pin);
  const deps = { store, format, goal, calls, deep: census.deep, storePatienceMs: patienceMs };
  return tallyPage(deps, await countPage(deps, refs, signal), census.enqueued, signal);
}

/** What a ledger keeps of a page, a sample of which is confirmed by the KMS. */
export async function tallyPage(
  deps: PageDeps,
  page: PageCount,
  enqueued: number,
  signal: AbortSignal,
): Promise<CensusTally> {
  const sample = page.byHeader.filter(() => isSampled(enqueued));
  return {
    records: page.records,
    byVersion: Object.fromEntries(page.byVersion),
    unreadable: page.unreadable,
    byHeader: page.byHeader.length,
    contradicted: await countContradicted(deps, sample, signal),
  };
}

/** A census keeps nothing of a batch that is counted in part: it is begun anew. */
function handBack(refs: readonly Ref[], fruitless: number, delayMs: number): Processed {
  const progress = { tally: emptyTally, failures: [], before: {}, left: refs, fruitless };
  return { kind: 'handedBack', progress, delayMs };
}
