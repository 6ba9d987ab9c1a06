import type { CensusCount } from '../rotation/certificate.ts';
import { sleep } from '../rotation/backoff.ts';
import { eitherSignal } from '../rotation/either-signal.ts';
import { Fault } from '../rotation/faults.ts';
import { patiently } from '../rotation/patience.ts';
import type { BatchConsumer, BatchQueue } from '../rotation/ports/batch-queue.ts';
import type { CensusLedger, CensusSnapshot } from '../rotation/ports/census-ledger.ts';

const pollMs = 200;
/** Without a batch settled for so long the workers may not count at all: older ones, or refused by the KMS. */
const stillForMs = 30_000;
/** Workers that have just ended still pass for alive; over this many looks none has taken a waiting batch. */
const looksAtIdleQueue = 5;
/** A queue that stays empty over this many looks has lost the batches that are not settled. */
const looksAtEmptyQueue = 10;
/** What batches in work here have to come back; the queue gives those that do not to others. */
const graceMs = 5000;

export interface SharedCensusDeps {
  readonly ledger: CensusLedger;
  readonly queue: Pick<BatchQueue, 'counts'>;
  /** Stages and adds what is not enqueued yet, and ends when that is the whole store. */
  readonly enqueue: (signal: AbortSignal) => Promise<unknown>;
  readonly workersAlive: () => Promise<number>;
  /** Counts batches in this process too. Faults that keep it from counting are told. */
  readonly startCounting: (onFault: (fault: Fault) => void) => BatchConsumer;
  /** This process begins to count too. */
  readonly onHelp: () => void;
  readonly onProgress: (records: number) => void;
  readonly onFault: (fault: Fault) => void;
}

/**
 * Enqueues the batches of an open census and waits until workers have counted them; where no worker does,
 * this process counts what is left. Null where the broker has lost the census or a part of it, or another
 * command has begun one in its place: nothing that was counted is known then. Throws `ABORTED` when `signal`
 * aborts, and what stops the scan or refuses this process; the census stays open then, to be gone on with.
 */
export async function finishSharedCensus(
  deps: SharedCensusDeps,
  opened: CensusSnapshot,
  signal: AbortSignal,
): Promise<CensusCount | null> {
  const halt = new AbortController();
  const either = eitherSignal(signal, halt.signal);
  const producing = deps.enqueue(either);
  // A producer that ends well is no end of the census; one that throws is.
  const failing = producing.then(() => new Promise<never>(() => undefined));
  const counting = awaitCounts(deps, opened, either);
  try {
    return await Promise.race([counting, failing]);
  } finally {
    halt.abort();
    await Promise.allSettled([producing, counting]);
  }
}

async function awaitCounts(
  deps: SharedCensusDeps,
  opened: CensusSnapshot,
  signal: AbortSignal,
): Promise<CensusCount | null> {
  const { ledger } = deps;
  const patience = { signal, patienceMs: Infinity, onFault: deps.onFault };
  let helping: BatchConsumer | null = null;
  const refusals: Fault[] = [];
  let seen = { settled: opened.settledBatches, at: performance.now() };
  let emptyLooks = 0;
  let idleLooks = 0;

  function onFault(fault: Fault): void {
    deps.onFault(fault);
    if (fault.faultClass !== 'transient') refusals.push(fault);
  }

  /** Looks at the queue. True where it has lost batches. */
  async function hasLostBatches(census: CensusSnapshot): Promise<boolean> {
    const { waiting, delayed, active } = await patiently(patience, () => deps.queue.counts());
    idleLooks = waiting > 0 && active === 0 ? idleLooks + 1 : 0;
    emptyLooks = census.scanned && waiting + delayed + active === 0 ? emptyLooks + 1 : 0;
    return emptyLooks >= looksAtEmptyQueue;
  }

  async function isNobodyCounting(): Promise<boolean> {
    if (idleLooks >= looksAtIdleQueue || performance.now() - seen.at > stillForMs) return true;
    return (await patiently(patience, deps.workersAlive)) === 0;
  }

  try {
    while (!signal.aborted) {
      const census = await patiently(patience, () => ledger.snapshot());
      if (census?.id !== opened.id) return null;
      deps.onProgress(census.tally.records);
      if (census.scanned && census.settledBatches === census.batches) {
        await patiently(patience, () => ledger.close(census.id));
        return countOf(census);
      }
      if (refusals[0] !== undefined) throw refusals[0];
      if (census.settledBatches > seen.settled)
        seen = { settled: census.settledBatches, at: performance.now() };
      if (await hasLostBatches(census)) return null;
      if (helping === null && (await isNobodyCounting())) {
        deps.onHelp();
        helping = deps.startCounting(onFault);
      }
      await sleep(pollMs, signal);
    }
    throw stopped();
  } finally {
    await helping?.close(graceMs);
  }
}

/** From the first start to the last record that was read, also where it was gone on with in between. */
function countOf({ tally, startedAt, readAt }: CensusSnapshot): CensusCount {
  const { byHeader, ...counts } = tally;
  const method = byHeader > 0 ? 'header+kms-sample' : 'kms';
  return { ...counts, method, startedAt, finishedAt: readAt ?? startedAt };
}

function stopped(): Fault {
  const message =
    'the census was stopped before its end; what was counted is kept for a day: run verify again and it goes on';
  return new Fault('transient', 'ABORTED', message);
}
