import type { Ledger, Pin, StageBatch } from './ledger.ts';

/** What was found in one batch of a census, or in all of them. */
export interface CensusTally {
  readonly records: number;
  /** Records by the key version that they lie under. */
  readonly byVersion: Readonly<Record<string, number>>;
  /** Records that no key opens, or whose format does not fit. */
  readonly unreadable: number;
  /** Records whose version was read from a header. */
  readonly byHeader: number;
  /** Those of `byHeader` that were asked about too, and whose header the KMS did not confirm. */
  readonly contradicted: number;
}

/** What must be the same for one census to go on with what another has counted. */
export interface CensusPlan {
  readonly pin: Pin;
  /** The KMS is asked about every record. */
  readonly deep: boolean;
  /** Digest of source, target, store and format. */
  readonly planDigest: string;
  /** Epoch of the rotation's last pass; null where there was none. What is counted before a pass is stale. */
  readonly pass: string | null;
}

export interface CensusSnapshot {
  /** The `epoch` of its batches. */
  readonly id: string;
  readonly pin: Pin;
  readonly deep: boolean;
  readonly planDigest: string;
  /** References handed out in batches so far. */
  readonly enqueued: number;
  readonly batches: number;
  readonly settledBatches: number;
  /** The scan has reached the end of the store. */
  readonly scanned: boolean;
  readonly tally: CensusTally;
  /** ISO 8601, by the broker's clock. */
  readonly startedAt: string;
  /** When the last batch was settled or the scan ended; null before. */
  readonly readAt: string | null;
}

/**
 * The durable state of a rotation's census while several processes take it, beside the rotation's own ledger
 * and whatever state that is in: a census only reads. One at a time. Every method is one atomic step and safe
 * to repeat after a lost reply, and throws a transient `Fault` within seconds when the broker is out of
 * reach. All refuse an id that is not the current one, so that what is left of another census counts nothing.
 */
export interface CensusLedger extends Pick<Ledger, 'position' | 'completeScan'> {
  /**
   * The census that stands where it has the same pin, plan and pass, is not closed, and began less than 24
   * hours ago; it may be of the other depth. Else a new one of this id, in place of the old.
   */
  open(id: string, plan: CensusPlan): Promise<CensusSnapshot>;
  /** Null if there is none, or the broker has lost it. */
  snapshot(): Promise<CensusSnapshot | null>;
  /** As `Ledger.stage`; false after the end of the scan too. */
  stage(stage: StageBatch): Promise<boolean>;
  /** Adds what a batch held, once per batch: a second settle of it changes nothing. False on another id. */
  settle(id: string, batch: number, tally: CensusTally): Promise<boolean>;
  /** No other goes on with it. What it counted stays until the next one begins, or a day. */
  close(id: string): Promise<void>;
}
