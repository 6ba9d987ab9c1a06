import type { Batch, RecordFailure, SourceVersions, Tally } from '../batch.ts';
import type { PlanParts } from '../plan-parts.ts';
import type { Cursor, Ref } from '../record.ts';
import type { RotationState } from '../state.ts';

/** Who paused a rotation: a person, too many failures, or a rotation fault. */
export const pauseCauses = ['operator', 'failures', 'refused'] as const;
export type PauseCause = (typeof pauseCauses)[number];

/** What the rotation must end on, fixed when it began. */
export interface Pin {
  readonly keyId: string;
  readonly versionId: string;
}

export interface LedgerSnapshot {
  readonly state: RotationState;
  /** Null while `new`. */
  readonly epoch: string | null;
  /** 1 for the first pass; 0 while `new`. */
  readonly pass: number;
  readonly pin: Pin | null;
  /** Digest of what must not change within a pass (source, target, store, format). */
  readonly planDigest: string | null;
  /** The digests of its parts; null while `new`, and where an older keyturn began the pass. */
  readonly planParts: PlanParts | null;
  /** Records that the store counted when the pass began; an estimate. */
  readonly estimate: number;
  readonly enqueued: number;
  readonly batches: number;
  readonly settledBatches: number;
  /** The scan has reached the end of the store. */
  readonly scanned: boolean;
  /** `failed` is the number of references in the list of failures. */
  readonly tally: Tally;
  /**
   * Of `tally.failed`, those that had paused the rotation when it was resumed: whoever resumed it took them.
   */
  readonly acceptedFailures: number;
  /**
   * How many records the pass rotated from under which key version. At most 50 versions are named, the rest
   * is under `other`.
   */
  readonly before: SourceVersions;
  readonly reason: string | null;
  readonly pauseCause: PauseCause | null;
  /** ISO 8601. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** Where the producer stands. */
export interface ProducerPosition {
  readonly cursor: Cursor | null;
  readonly scanned: boolean;
  /** The number of the next batch. */
  readonly nextBatch: number;
  /**
   * The last staged batch, which may not have reached the queue: add it again before staging another. Null
   * where it is settled.
   */
  readonly staged: Batch | null;
}

export interface BeginPass {
  readonly epoch: string;
  readonly pin: Pin;
  readonly planDigest: string;
  readonly planParts: PlanParts;
  readonly estimate: number;
}

export interface StageBatch {
  readonly batch: Batch;
  /** Where the scan goes on after this batch; null leaves the cursor as it is (a batch of late writers). */
  readonly cursor: Cursor | null;
}

/** What a worker tells of itself. Rates are over its last ten seconds. */
export interface WorkerReport {
  readonly workerId: string;
  readonly callsPerSecond: number;
  readonly recordsPerSecond: number;
}

export interface WorkersSeen {
  /** Workers that reported in the last five seconds. */
  readonly alive: number;
  readonly callsPerSecond: number;
  readonly recordsPerSecond: number;
}

/**
 * The durable state of one rotation, outside the queue. Every method is one atomic step and safe to repeat
 * after a lost reply, and throws a transient `Fault` within seconds when the broker is out of reach.
 * All refuse an `epoch` that is not the current one, so that what is left of another pass counts nothing.
 */
export interface Ledger {
  /** A rotation never begun, or lost by the broker, is `new`. */
  snapshot(): Promise<LedgerSnapshot>;
  /** Event `begin`: a new pass with counts, failures and cursor from zero. False if the state forbids it. */
  begin(pass: BeginPass): Promise<boolean>;
  /**
   * As `begin`, but from `running`:
   * the queue has lost batches of the epoch `lost`, the store must be scanned again.
   */
  restart(lost: string, pass: BeginPass): Promise<boolean>;
  /** Null if `epoch` is not current. */
  position(epoch: string): Promise<ProducerPosition | null>;
  /**
   * Fixes the next batch and the cursor behind it, before the batch goes to the queue. False if the batch's
   * number is not the next one or its epoch not the current one: another producer was faster.
   */
  stage(stage: StageBatch): Promise<boolean>;
  /** The whole store is enqueued; finishes the rotation if all is settled. False on another epoch. */
  completeScan(epoch: string): Promise<boolean>;
  /** Event `extend`: a finished pass takes more batches; `completeScan` closes it again. */
  extend(epoch: string): Promise<boolean>;
  /**
   * Adds a batch's outcome to the counts, once per batch: a second settle of the same batch changes nothing.
   * Failures are listed, and counted by what the list gains: a reference that is listed already, as it was
   * enqueued twice, counts once in `failed` and in `enqueued`. Finishes the rotation when it was the
   * last batch. Allowed in any state but `new`, since work in flight ends after a pause too. Returns the
   * snapshot after it; null if the epoch is not current.
   */
  settle(
    epoch: string,
    batch: number,
    tally: Tally,
    failures: readonly RecordFailure[],
    before: SourceVersions,
  ): Promise<LedgerSnapshot | null>;
  /**
   * Takes the references of `batch`, distinct ones, out of the list of failures and stages it, the cursor as
   * it is, so that no crash leaves a record in neither or both. They are no longer counted as failed, and not
   * enqueued a second time. Event `extend` for a finished pass, which the batch's settling finishes again.
   * False as in `stage`, or if one of the references is not listed.
   */
  putBack(batch: Batch): Promise<boolean>;
  /** Event `pause`. False if the state forbids it. */
  pause(cause: PauseCause, reason: string): Promise<boolean>;
  /**
   * Event `resume`; finishes at once when nothing is left. From a pause by too many failures, those that are
   * there by now are accepted.
   */
  resume(): Promise<boolean>;
  /** Event `cancel`. */
  cancel(): Promise<boolean>;
  /** Failures in the order of their references, `limit` at most, after `after` (null = from the start). */
  failures(after: Ref | null, limit: number): Promise<RecordFailure[]>;
  /**
   * How many listed failures have which code, the most frequent first. At most 50 codes are named, the rest
   * is under `other`.
   */
  failureCodes(): Promise<Readonly<Record<string, number>>>;
  /** Which of the refs are in the list of failures. */
  failedAmong(refs: readonly Ref[]): Promise<Set<Ref>>;
  /** Notes that a worker lives, and returns the snapshot. */
  report(report: WorkerReport): Promise<LedgerSnapshot>;
  workers(): Promise<WorkersSeen>;
}
