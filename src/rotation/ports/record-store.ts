import type { Cursor, Ref, ReplaceOutcome, Replacement, StoredRecord } from '../record.ts';

export interface ScanPage {
  readonly refs: readonly Ref[];
  /** Where to go on after this page. */
  readonly cursor: Cursor;
}

/** As `ScanPage`, with the records as they were read. */
export interface RecordPage {
  readonly records: readonly StoredRecord[];
  readonly cursor: Cursor;
}

/** Values that lie beside the records and are none, as the config says. */
export interface Excluded {
  /** In words, with the condition: `rows for which store.where is not true: deleted_at IS NULL`. */
  readonly what: string;
  /** Null where counting them would be a scan of its own. */
  readonly records: number | null;
  /** False for an estimate, and where `records` is null. */
  readonly exact: boolean;
}

/**
 * The place where ciphertexts lie. Every method throws a `Fault`: `transient` where trying again may help,
 * `rotation` where a person must act (permission, missing table). A value that is NULL is not a record.
 */
export interface RecordStore {
  /**
   * Pages of references in a stable order, strictly after `from` (null = from the start), at most `limit` in
   * each, no empty page. A record that exists during the whole scan is in exactly one page. Ends quietly
   * when `signal` aborts. Memory does not grow with the store.
   */
  scan(from: Cursor | null, limit: number, signal: AbortSignal): AsyncIterable<ScanPage>;
  /**
   * As `scan`, with the records themselves. Left out where that saves no round trip over `scan` and `read`.
   */
  scanRecords?(from: Cursor | null, limit: number, signal: AbortSignal): AsyncIterable<RecordPage>;
  /**
   * The records that still exist, in one round trip where the store can; order and gaps are free, each ref at
   * most once.
   */
  read(refs: readonly Ref[]): Promise<StoredRecord[]>;
  /**
   * Replaces each value only where it is still exactly the one that was read (`oldValue`, or what `revision`
   * stands for), in one round trip where the store can. Outcomes are aligned with `changes`. Nothing else of
   * a record changes, but for a configured version note. When it throws, any part of the changes may have
   * been made: the caller reads again.
   */
  replace(changes: readonly Replacement[]): Promise<ReplaceOutcome[]>;
  /** How many records there are; `exact` is false for an estimate. Never a full scan of a large store. */
  count(): Promise<{ records: number; exact: boolean }>;
  /**
   * Refs drawn at random over all records, about each as likely as another: distinct, at most `size`, all
   * where there are no more. Fewer only where finding more would take a scan of a large store. Soon after
   * `signal` aborts it ends, with whatever it has. Left out where the store can only scan.
   */
  sample?(size: number, signal: AbortSignal): Promise<readonly Ref[]>;
  /** Proves that the store can do what a rotation needs, and says in one line what it is. */
  check(): Promise<string>;
  /**
   * What a census of this store cannot see, in words for the certificate:
   * `older versions of the objects`.
   */
  readonly caveats: readonly string[];
  /** What the config leaves out, for the certificate; null where that is nothing. Never a full scan. */
  excluded(): Promise<Excluded | null>;
  close(): Promise<void>;
}
