import type { CensusLedger } from '../rotation/ports/census-ledger.ts';
import { enqueueStore, type EnqueueDeps, type EnqueueEnd } from './enqueue.ts';

/**
 * As `enqueueStore`, into the queue of a census: goes on where the last one stopped, and ends as `superseded`
 * when another census has taken this one's place.
 */
export function enqueueCensus(
  deps: Omit<EnqueueDeps, 'ledger'> & { readonly ledger: CensusLedger },
  id: string,
  signal: AbortSignal,
): Promise<EnqueueEnd> {
  const { ledger } = deps;
  const scanLedger: EnqueueDeps['ledger'] = {
    position: ledger.position,
    stage: ledger.stage,
    completeScan: ledger.completeScan,
    snapshot: async () => ({ state: (await ledger.snapshot())?.id === id ? 'running' : 'cancelled' }),
  };
  return enqueueStore({ ...deps, ledger: scanLedger }, id, signal);
}
