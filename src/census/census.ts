import { headerSample, type CensusCount } from '../rotation/certificate.ts';
import { Fault } from '../rotation/faults.ts';
import { scanPatiently, type Scan } from '../rotation/patient-scan.ts';
import type { RecordPage, ScanPage } from '../rotation/ports/record-store.ts';
import type { Ref, StoredRecord } from '../rotation/record.ts';
import { countContradicted, countPage, countRecords, type PageDeps } from './count-page.ts';
import { createSample } from './sample.ts';

/** Pages in work at a time, in each process that takes part in a census. */
export const pagesInWork = 2;

export interface CensusDeps extends Omit<PageDeps, 'storePatienceMs'> {
  readonly pageSize: number;
  /** Told of each page's records that are not under the pin, or can't be opened. */
  readonly onStale: (refs: readonly Ref[]) => Promise<void>;
  readonly onProgress: (records: number) => void;
}

/**
 * Reads every record of the store again and counts them by key version, in this process alone. Throws where a
 * record could be neither counted nor called unreadable: half a census is none.
 */
export async function takeCensus(deps: CensusDeps, signal: AbortSignal): Promise<CensusCount> {
  const startedAt = new Date().toISOString();
  const pageDeps = { ...deps, storePatienceMs: Infinity };
  const byVersion = new Map<string, number>();
  const sample = createSample<StoredRecord>(headerSample);
  let unreadable = 0;
  let records = 0;
  let byHeader = 0;

  async function count(read: ScanPage | RecordPage): Promise<void> {
    const page =
      'records' in read
        ? await countRecords(pageDeps, read.records, signal)
        : await countPage(pageDeps, read.refs, signal);
    for (const [version, found] of page.byVersion)
      byVersion.set(version, (byVersion.get(version) ?? 0) + found);
    for (const record of page.byHeader) sample.offer(record);
    byHeader += page.byHeader.length;
    unreadable += page.unreadable;
    records += page.records;
    if (page.stale.length > 0) await deps.onStale(page.stale);
    deps.onProgress(records);
  }

  const { store } = deps;
  const scan: Scan<ScanPage | RecordPage> = (...from) => store.scanRecords?.(...from) ?? store.scan(...from);
  const inWork = new Set<Promise<void>>();
  const patience = { signal, patienceMs: Infinity, onFault: deps.calls.onFault };
  for await (const page of scanPatiently(scan, null, deps.pageSize, patience)) {
    const counted = count(page);
    inWork.add(counted);
    // A rejection is met by the race or by the wait for all.
    counted.then(() => inWork.delete(counted)).catch(() => undefined);
    if (inWork.size >= pagesInWork) await Promise.race(inWork);
  }
  await Promise.all(inWork);
  if (signal.aborted) throw new Fault('transient', 'ABORTED', 'the census was stopped before its end');

  return {
    records,
    byVersion: Object.fromEntries([...byVersion].toSorted(([left], [right]) => left.localeCompare(right))),
    unreadable,
    contradicted: await countContradicted(pageDeps, sample.taken(), signal),
    method: byHeader > 0 ? 'header+kms-sample' : 'kms',
    startedAt,
    finishedAt: new Date().toISOString(),
  };
}
