import { sleep } from '../rotation/backoff.ts';
import type { LedgerSnapshot } from '../rotation/ports/ledger.ts';
import { asFault, type Fault } from '../rotation/faults.ts';
import { resumePass, type OpenPassDeps, type OpenedPass } from './open-pass.ts';

const betweenLooksMs = 5000;
/** Longer than a batch that was handed back waits, and than it takes to miss a dead worker. */
const lostAfterMs = 60_000;
/** A producer that was killed has been started again by then. */
const producerGoneAfterMs = 300_000;

export interface TendDeps extends OpenPassDeps {
  /** The ledger as this worker last saw it. */
  readonly lastSeen: () => LedgerSnapshot | null;
  /** Enqueues what is left of the pass, in a producer's place. */
  readonly enqueue: (pass: OpenedPass) => Promise<unknown>;
  readonly onFault: (fault: Fault) => void;
  readonly betweenLooks?: (signal: AbortSignal) => Promise<void>;
  readonly nowMs?: () => number;
}

/**
 * Keeps a pass from standing still for ever where workers are all that is left: a broker that lost its last
 * second may have forgotten batches, or that the scan was at its end, after the producer has gone. Then any
 * worker does what a producer that is started again would do; several at a time do no harm. Batches that wait
 * for a time which lies far off, as it was told by a wrong clock, are given out now. Ends with `signal`.
 */
export async function tendPass(deps: TendDeps, signal: AbortSignal): Promise<void> {
  const { betweenLooks = (until) => sleep(betweenLooksMs, until), nowMs = () => performance.now() } = deps;
  let seen = '';
  let movedAt = nowMs();
  while (!signal.aborted) {
    await betweenLooks(signal);
    const snapshot = deps.lastSeen();
    if (snapshot === null) continue;
    const stand = JSON.stringify([snapshot.state, snapshot.epoch, snapshot.batches, snapshot.settledBatches]);
    if (stand !== seen || snapshot.state !== 'running') movedAt = nowMs();
    seen = stand;
    if (nowMs() - movedAt < (snapshot.scanned ? lostAfterMs : producerGoneAfterMs)) continue;
    try {
      await move(deps, signal);
    } catch (error) {
      deps.onFault(asFault(error));
    }
    movedAt = nowMs();
  }
}

async function move(deps: TendDeps, signal: AbortSignal): Promise<void> {
  const { waiting, active, delayed } = await deps.queue.counts();
  if (waiting > 0 || active > 0 || signal.aborted) return;
  if (delayed > 0) return deps.queue.giveOutDelayed();
  await deps.enqueue(await resumePass(deps, await deps.ledger.snapshot(), signal));
}
