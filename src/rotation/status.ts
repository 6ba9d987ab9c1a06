import type { LedgerSnapshot, WorkersSeen } from './ports/ledger.ts';
import type { RotationState } from './state.ts';

/** What `status` and `run` print. */
export interface StatusReport {
  readonly rotation: string;
  readonly state: RotationState;
  readonly pass: number;
  /** Records of the pass; until the whole store is enqueued an estimate, where that is higher. */
  readonly total: number;
  readonly enqueued: number;
  readonly rotated: number;
  readonly skipped: number;
  readonly missing: number;
  readonly failed: number;
  readonly remaining: number;
  readonly conflicts: number;
  /** KMS calls per second; null = no limit. */
  readonly rate: {
    readonly configured: number | null;
    readonly effective: number | null;
    readonly observed: number;
  };
  /** Null while nothing moves. */
  readonly etaSeconds: number | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly reason: string | null;
  /** Codes of the open failures, the most frequent first. */
  readonly failuresByCode: Readonly<Record<string, number>>;
  /** Workers that reported in the last five seconds. */
  readonly workers: number;
}

export function remainingRecords(snapshot: LedgerSnapshot): number {
  const { rotated, skipped, missing, failed } = snapshot.tally;
  return Math.max(0, totalRecords(snapshot) - (rotated + skipped + missing + failed));
}

function totalRecords({ scanned, enqueued, estimate }: LedgerSnapshot): number {
  return scanned ? enqueued : Math.max(enqueued, estimate);
}

export function reportStatus(
  rotation: string,
  snapshot: LedgerSnapshot,
  { configured, effective }: { configured: number | null; effective: number | null },
  workers: WorkersSeen,
  failuresByCode: Readonly<Record<string, number>>,
): StatusReport {
  const { conflicts, ...outcomes } = snapshot.tally;
  const remaining = remainingRecords(snapshot);
  return {
    rotation,
    state: snapshot.state,
    pass: snapshot.pass,
    total: totalRecords(snapshot),
    enqueued: snapshot.enqueued,
    ...outcomes,
    remaining,
    conflicts,
    rate: {
      configured,
      effective: effective === null || effective === configured ? effective : round(effective),
      observed: round(workers.callsPerSecond),
    },
    etaSeconds: eta(snapshot.state, remaining, workers.recordsPerSecond),
    startedAt: snapshot.startedAt,
    finishedAt: snapshot.finishedAt,
    reason: snapshot.reason,
    failuresByCode,
    workers: workers.alive,
  };
}

function eta(state: RotationState, remaining: number, recordsPerSecond: number): number | null {
  if (remaining === 0) return 0;
  if (state !== 'running' || recordsPerSecond <= 0) return null;
  return round(remaining / recordsPerSecond);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
