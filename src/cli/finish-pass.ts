import { hasLostBatches } from '../producer/open-pass.ts';
import { sleep } from '../rotation/backoff.ts';
import { eitherSignal } from '../rotation/either-signal.ts';
import { Fault } from '../rotation/faults.ts';
import { patiently } from '../rotation/patience.ts';
import type { LedgerSnapshot } from '../rotation/ports/ledger.ts';
import { remainingRecords } from '../rotation/status.ts';
import type { OpenRotation } from './open-rotation.ts';
import type { Output } from './output.ts';
import { enqueuePass, openPassFor } from './produce-pass.ts';
import { openProgress } from './progress.ts';

const pollMs = 200;
/** How often it is looked whether the queue has lost batches. */
const lookForLossMs = 5000;

/** `refused` and `failures`: the rotation paused itself. `lost`: the broker has lost batches. */
export type PassEnd = 'finished' | 'refused' | 'failures' | 'cancelled' | 'interrupted' | 'lost';

/** How a pass ended, and as it stood then: another command may have begun the next one since. */
export interface EndedPass {
  readonly end: PassEnd;
  readonly snapshot: LedgerSnapshot;
}

/** Opens the pass, enqueues what is left of it, and waits for its end. */
export async function finishPass(
  rotation: OpenRotation,
  output: Output,
  signal: AbortSignal,
): Promise<EndedPass> {
  const patience = { signal, patienceMs: Infinity, onFault: rotation.log.fault };
  // A peer that is out of reach ends the command here, at its start, and nowhere below.
  let pass = await openPassFor(rotation, output, signal);
  for (;;) {
    const halt = new AbortController();
    const either = eitherSignal(signal, halt.signal);
    const producing = enqueuePass(rotation, pass, either);
    // A producer that ends well is no end of the pass; one that throws is.
    const failing = producing.then(() => new Promise<never>(() => undefined));
    let ended: EndedPass;
    try {
      ended = await Promise.race([awaitPass(rotation, pass, output, either), failing]);
    } finally {
      halt.abort();
      // What a producer meets when it is halted is no end of the pass.
      await Promise.allSettled([producing]);
    }
    if (ended.end !== 'lost') return ended;
    pass = await patiently(patience, () => openPassFor(rotation, output, signal));
  }
}

/** Waits until the pass is finished, as the ledger tells, and shows how far it is. */
export async function awaitPass(
  rotation: OpenRotation,
  begun: LedgerSnapshot,
  output: Output,
  signal: AbortSignal,
): Promise<EndedPass> {
  const { broker, log } = rotation;
  const progress = openProgress('rotate', progressOf(begun), output);
  const patience = { signal, patienceMs: Infinity, onFault: log.fault };
  let snapshot = begun;
  let saidPaused = false;
  let lookedAt = performance.now();
  try {
    while (!signal.aborted) {
      snapshot = await patiently(patience, () => broker.ledger.snapshot());
      if (snapshot.epoch !== begun.epoch) throw ledgerLost();
      const { done, total } = progressOf(snapshot);
      progress.update(done, total);
      const end = endOf(rotation, snapshot);
      if (end !== null) return { end, snapshot };
      const paused = snapshot.state === 'paused';
      if (paused && !saidPaused) output.line(`paused: ${snapshot.reason ?? ''}; 'keyturn resume' goes on`);
      saidPaused = paused;
      if (performance.now() - lookedAt > lookForLossMs) {
        if (await patiently(patience, () => hasLostBatches(broker, signal))) return { end: 'lost', snapshot };
        lookedAt = performance.now();
      }
      await sleep(pollMs, signal);
    }
    return { end: 'interrupted', snapshot };
  } finally {
    progress.stop();
  }
}

function progressOf(snapshot: LedgerSnapshot): { done: number; total: number } {
  const { rotated, skipped, missing, failed } = snapshot.tally;
  const done = rotated + skipped + missing + failed;
  return { done, total: done + remainingRecords(snapshot) };
}

/**
 * How the pass ended, or null while it goes on.
 * A person's pause is waited out, unless nobody could resume it.
 */
function endOf({ config }: OpenRotation, { state, pauseCause }: LedgerSnapshot): PassEnd | null {
  if (state === 'finished' || state === 'cancelled') return state;
  if (state !== 'paused' || pauseCause === null) return null;
  if (pauseCause !== 'operator') return pauseCause;
  return config.broker.kind === 'embedded' ? 'failures' : null;
}

function ledgerLost(): Fault {
  return new Fault(
    'transient',
    'LEDGER_LOST',
    "the broker has lost the rotation's ledger, or another command began a new pass; " +
      'nothing in the store is lost: run again, and what is done is skipped',
    { peer: 'broker' },
  );
}
