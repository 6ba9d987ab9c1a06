import type { Ref } from './record.ts';

/** How often each outcome came. Every reference of a batch ends in exactly one of the first four. */
export interface Tally {
  /** Written under the pin by us. */
  readonly rotated: number;
  /** Already under the pin. */
  readonly skipped: number;
  /** Gone, NULL or out of scope since it was enqueued. */
  readonly missing: number;
  /** Set aside with a code. */
  readonly failed: number;
  /** Lost compare-and-swaps; not an outcome. */
  readonly conflicts: number;
}

export const emptyTally: Tally = { rotated: 0, skipped: 0, missing: 0, failed: 0, conflicts: 0 };

export function addTallies(left: Tally, right: Tally): Tally {
  return {
    rotated: left.rotated + right.rotated,
    skipped: left.skipped + right.skipped,
    missing: left.missing + right.missing,
    failed: left.failed + right.failed,
    conflicts: left.conflicts + right.conflicts,
  };
}

/** How many records were rotated from under which key version. */
export type SourceVersions = Readonly<Record<string, number>>;

/**
 * How a worker left a batch: counted in the ledger, given back to the queue with what is left of it, or not
 * touched, as it belongs to a pass that is over.
 */
export type BatchOutcome = 'settled' | 'handedBack' | 'dropped';

/** A record set aside. Never holds ciphertext. */
export interface RecordFailure {
  readonly ref: Ref;
  readonly code: string;
  readonly message: string;
  readonly requestId: string | null;
  /** ISO 8601. */
  readonly time: string;
  /** KMS calls made for it. */
  readonly attempts: number;
}

/** References that travel as one job. */
export interface Batch {
  /**
   * The pass it belongs to: a random id, made anew by each `begin`,
   * so that no batch of another pass counts.
   */
  readonly epoch: string;
  /** Numbered from 0 within the epoch. */
  readonly number: number;
  readonly refs: readonly Ref[];
  /** Found stale by a census, or put back after a failure: only the KMS is believed about its version. */
  readonly late: boolean;
}

/**
 * What is left of a batch after part of it was done, as it travels back in its job. A record that was only set
 * aside is left, too: whoever pauses may mend it.
 */
export interface BatchProgress {
  /** `failed` is 0: whoever settles the batch counts its failures. */
  readonly tally: Tally;
  /** Records that were written and cannot be opened, which no second try may hide. */
  readonly failures: readonly RecordFailure[];
  readonly before: SourceVersions;
  /** References still to do. */
  readonly left: readonly Ref[];
  /** How often in a row it was handed back without one record done; sets the delay. */
  readonly fruitless: number;
}
