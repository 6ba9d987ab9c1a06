import { patiently } from '../rotation/patience.ts';
import { scanPatiently, type Scan } from '../rotation/patient-scan.ts';
import type { BatchQueue } from '../rotation/ports/batch-queue.ts';
import type { CensusLedger, CensusSnapshot, CensusTally } from '../rotation/ports/census-ledger.ts';
import type { RecordPage } from '../rotation/ports/record-store.ts';
import { tallyPage } from './count-batches.ts';
import { countRecords, type PageDeps } from './count-page.ts';

/**
 * The sample of the first pages is the densest: while it waits for the KMS at its pace, the scan goes on so far.
 */
const pagesInWork = 64;

export interface CountStoreDeps extends Omit<PageDeps, 'deep' | 'storePatienceMs'> {
  readonly ledger: CensusLedger;
  readonly queue: Pick<BatchQueue, 'add'>;
  readonly scanRecords: Scan<RecordPage>;
  readonly batchSize: number;
}

/**
 * Counts the store in this process as it scans it, for a census that no worker takes part in: what it has read goes
 * through no queue to be read again. Each page is kept in the ledger as a batch, so that whoever comes after a crash
 * goes on behind the last one; that one goes to the queue, as it may have been staged and not settled.
 */
export async function countStore(
  deps: CountStoreDeps,
  census: CensusSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const { batchSize, ledger, queue, scanRecords } = deps;
  const patience = { signal, patienceMs: Infinity, onFault: deps.calls.onFault };
  const pageDeps = { ...deps, deep: census.deep, storePatienceMs: Infinity };
  let { enqueued } = census;

  function count({ records }: RecordPage): Promise<CensusTally> {
    enqueued += records.length;
    const counted = patiently(patience, async () =>
      tallyPage(pageDeps, await countRecords(pageDeps, records, signal), enqueued, signal),
    );
    // It is met when its turn to be kept comes, if ever.
    counted.catch(() => undefined);
    return counted;
  }

  /** False where another process has staged a batch of this number. */
  async function keep(page: RecordPage, number: number, counted: Promise<CensusTally>): Promise<boolean> {
    const tally = await counted;
    const refs = page.records.map(({ ref }) => ref);
    const batch = { epoch: census.id, number, refs, late: false };
    if (!(await patiently(patience, () => ledger.stage({ batch, cursor: page.cursor })))) return false;
    return patiently(patience, () => ledger.settle(census.id, number, tally));
  }

  while (!signal.aborted) {
    const position = await patiently(patience, () => ledger.position(census.id));
    if (position === null || position.scanned) return;
    const { staged } = position;
    if (staged !== null) await patiently(patience, () => queue.add([staged]));
    let next = position.nextBatch;
    let kept = Promise.resolve(true);
    const inWork: Promise<boolean>[] = [];
    for await (const page of scanPatiently(scanRecords, position.cursor, batchSize, patience)) {
      const [number, counted, before] = [next, count(page), kept];
      kept = before.then((ok) => ok && keep(page, number, counted));
      kept.catch(() => undefined);
      next += 1;
      inWork.push(kept);
      if (inWork.length >= pagesInWork && (await inWork.shift()) === false) break;
    }
    if ((await kept) && !signal.aborted) {
      await patiently(patience, () => ledger.completeScan(census.id));
      return;
    }
  }
}
