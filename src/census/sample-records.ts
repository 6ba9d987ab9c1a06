import { patiently, type Patience } from '../rotation/patience.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref } from '../rotation/record.ts';
import { createSample } from './sample.ts';

/** Records that are scanned of a store that cannot draw a sample itself. */
const scannedRecords = 20_000;
const pageSize = 1000;

export interface RecordSample {
  readonly refs: readonly Ref[];
  /** The refs come from this many records at the beginning of a scan; null: from all of them. */
  readonly among: number | null;
}

/** Draws records at random; where the store can only scan, from the first ones. */
export async function sampleRecords(
  store: RecordStore,
  size: number,
  patience: Patience,
): Promise<RecordSample> {
  const { signal } = patience;
  if (store.sample === undefined) return patiently(patience, () => sampleFirst(store, size, signal));
  return { refs: await patiently(patience, async () => store.sample?.(size, signal) ?? []), among: null };
}

async function sampleFirst(store: RecordStore, size: number, signal: AbortSignal): Promise<RecordSample> {
  const sample = createSample<Ref>(size);
  let scanned = 0;
  for await (const { refs } of store.scan(null, pageSize, signal)) {
    for (const ref of refs) sample.offer(ref);
    scanned += refs.length;
    if (scanned >= Math.max(scannedRecords, size)) return { refs: sample.taken(), among: scanned };
  }
  return { refs: sample.taken(), among: null };
}
