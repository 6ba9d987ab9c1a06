import {
  emptyTally,
  type Batch,
  type BatchOutcome,
  type BatchProgress,
  type RecordFailure,
  type Tally,
} from '../rotation/batch.ts';
import { backoffMs } from '../rotation/backoff.ts';
import { asFault, Fault } from '../rotation/faults.ts';
import { patiently } from '../rotation/patience.ts';
import type { BatchConsumer, BatchQueue, Processed } from '../rotation/ports/batch-queue.ts';
import type { Goal } from '../rotation/goal.ts';
import type { Ledger, LedgerSnapshot, PauseCause, Pin } from '../rotation/ports/ledger.ts';
import { describeDifference, type PlanParts } from '../rotation/plan-parts.ts';
import { startHeartbeat } from './heartbeat.ts';
import { processBatch, type BatchDeps, type BatchResult } from './process-batch.ts';
import { underEither } from '../rotation/either-signal.ts';

/** Batches in work at a time: while one waits for the store, others call the KMS. */
const batchesInWork = 3;
/**
 * How long the ledger is waited for when a batch is done; past it the batch is done again by whoever gets it.
 */
const settlePatienceMs = 60_000;
const betweenHandBacks = { initialMs: 1000, maxMs: 30_000 };

/** What happens in a worker, for metrics and logs. */
export interface WorkerObserver {
  batchStarted(): void;
  /** `gained` is what this worker did for the batch, now. */
  batchEnded(outcome: BatchOutcome, seconds: number, gained: Tally): void;
  setAside(code: string): void;
  fault(fault: Fault): void;
  /** This worker has paused the rotation. */
  paused(cause: PauseCause, reason: string): void;
  /** The ledger has counted a batch. */
  settled(settled: SettledBatch): void;
}

/** A batch as it was counted, with what earlier workers did for it. */
export interface SettledBatch {
  readonly batch: number;
  readonly tally: Tally;
  readonly failures: readonly RecordFailure[];
  readonly after: LedgerSnapshot;
}

export interface WorkerDeps {
  readonly workerId: string;
  readonly queue: BatchQueue;
  readonly ledger: Ledger;
  readonly batch: Omit<BatchDeps, 'goal'>;
  readonly goalFor: (pin: Pin) => Goal;
  /** Digest of source, target, store and format in this worker's config. */
  readonly planDigest: string;
  readonly planParts: PlanParts;
  readonly maxFailures: number;
  readonly observer: WorkerObserver;
  /** KMS calls made by this process so far. */
  readonly callsMade: () => number;
  /** This worker cannot go on: its config is another one than the rotation began with. */
  readonly onFatal: (fault: Fault) => void;
}

export interface RunningWorker {
  /** The ledger as it was last seen. */
  readonly snapshot: () => LedgerSnapshot | null;
  /**
   * Stops taking batches, hands back those in work, within `graceMs`. False if one was still in work then.
   */
  stop(graceMs: number): Promise<boolean>;
}

/** Works the batches of one rotation until it is stopped; with nothing to do it waits. */
export function startWorker(deps: WorkerDeps): RunningWorker {
  const { ledger, observer, queue } = deps;
  let recordsDone = 0;
  /** Aborted to make the batches in work come back; made anew when work goes on. */
  let control = new AbortController();
  let held = false;
  const consumer: BatchConsumer = queue.consume(
    (batch, earlier, jobSignal) =>
      underEither([jobSignal, control.signal], (either) => work(batch, earlier, either)),
    batchesInWork,
  );

  function hold(): void {
    if (held) return;
    held = true;
    control.abort();
    void consumer.pause().catch((error: unknown) => observer.fault(asFault(error)));
  }

  function goOn(): void {
    if (!held) return;
    held = false;
    control = new AbortController();
    consumer.resume();
  }

  /** A worker with another table or key than the rotation began with must not touch a record. */
  function fits(snapshot: LedgerSnapshot): boolean {
    if (snapshot.planDigest === null || snapshot.planDigest === deps.planDigest) return true;
    deps.onFatal(planDiffers(snapshot.planParts, deps.planParts));
    return false;
  }

  const heartbeat = startHeartbeat({
    beat: (rates) => ledger.report({ workerId: deps.workerId, ...rates }),
    counters: () => ({ calls: deps.callsMade(), records: recordsDone }),
    onBeat(snapshot) {
      if (snapshot.state === 'paused' || snapshot.state === 'cancelled' || !fits(snapshot)) hold();
      else goOn();
    },
    onFault: observer.fault,
    // The queue may have given our batches to others by now, and no pause or cancel reaches us.
    onCutOff: hold,
  });

  async function work(batch: Batch, earlier: BatchProgress | null, signal: AbortSignal): Promise<Processed> {
    const startedAt = performance.now();
    observer.batchStarted();
    const ended = (outcome: BatchOutcome, result?: BatchResult): void => {
      const counted = result?.account.gained() ?? emptyTally;
      const gained = outcome === 'settled' ? counted : { ...counted, failed: 0 };
      recordsDone += gained.rotated + gained.skipped + gained.missing + gained.failed;
      observer.batchEnded(outcome, (performance.now() - startedAt) / 1000, gained);
    };
    try {
      const seen = heartbeat.last();
      const snapshot = seen?.epoch === batch.epoch ? seen : await ledger.snapshot();
      if (snapshot.epoch !== batch.epoch || snapshot.state === 'cancelled' || snapshot.pin === null) {
        ended('dropped');
        return { kind: 'settled' };
      }
      if (snapshot.state === 'paused' || !fits(snapshot)) hold();
      const result = await processBatch(
        batch,
        earlier,
        { ...deps.batch, goal: deps.goalFor(snapshot.pin) },
        signal,
      );
      const handedBack = await conclude(batch, result, signal);
      ended(handedBack === null ? 'settled' : 'handedBack', result);
      return handedBack ?? { kind: 'settled' };
    } catch (error) {
      ended('handedBack');
      throw error;
    }
  }

  /**
   * Settles a whole batch; null then. Else pauses the rotation where the fault calls for it, and hands back.
   */
  async function conclude(batch: Batch, result: BatchResult, signal: AbortSignal): Promise<Processed | null> {
    const { account, stoppedBy } = result;
    if (account.left.size === 0) {
      const mustStop = stoppedBy?.faultClass === 'rotation';
      // Before the batch counts: it may be the last one, and a finished rotation cannot pause.
      if (mustStop) await notePause('refused', stoppedBy.message);
      const patience = { signal, patienceMs: settlePatienceMs, onFault: observer.fault };
      const after = await patiently(patience, () =>
        ledger.settle(batch.epoch, batch.number, account.tally(), account.failures(), account.before()),
      );
      if (after === null) return null;
      for (const { code } of account.failures()) observer.setAside(code);
      observer.settled({ batch: batch.number, tally: account.tally(), failures: account.failures(), after });
      if (mustStop) hold();
      else await pauseOnFailures(after);
      return null;
    }
    const progress = account.progress();
    if (stoppedBy?.faultClass === 'rotation') {
      await pause('refused', stoppedBy.message);
      return { kind: 'handedBack', progress: { ...progress, fruitless: 0 }, delayMs: 0 };
    }
    if (stoppedBy !== null && stoppedBy.code !== 'ABORTED') observer.fault(stoppedBy);
    if (signal.aborted) return { kind: 'handedBack', progress: { ...progress, fruitless: 0 }, delayMs: 0 };
    return { kind: 'handedBack', progress, delayMs: backoffMs(progress.fruitless + 1, betweenHandBacks) };
  }

  async function pauseOnFailures(after: LedgerSnapshot): Promise<void> {
    const { acceptedFailures, state, tally } = after;
    if (tally.failed - acceptedFailures <= deps.maxFailures || state !== 'running') return;
    const more =
      acceptedFailures === 0 ? '' : ` ${tally.failed - acceptedFailures} of them since the last resume,`;
    await pause(
      'failures',
      `${tally.failed} records failed,${more} more than limits.maxFailures (${deps.maxFailures}); see 'keyturn failures', mend the cause, then 'keyturn retry' and 'keyturn resume'; resume alone goes on without them`,
    );
  }

  async function pause(cause: PauseCause, reason: string): Promise<void> {
    hold();
    await notePause(cause, reason);
  }

  async function notePause(cause: PauseCause, reason: string): Promise<void> {
    if (await ledger.pause(cause, reason)) observer.paused(cause, reason);
  }

  return {
    snapshot: heartbeat.last,
    async stop(graceMs) {
      held = true;
      control.abort();
      heartbeat.stop();
      return consumer.close(graceMs);
    },
  };
}

function planDiffers(began: PlanParts | null, now: PlanParts): Fault {
  return new Fault(
    'usage',
    'PLAN_CHANGED',
    `this worker's config differs in ${describeDifference(began, now)} from the one that the rotation began with; ` +
      'give all processes the same config',
  );
}
