import type { Fault } from './faults.ts';

/**
 * The address of a record in its store: a string that this store alone can parse. Refs travel in jobs, the
 * ledger and failure lists, so they hold keys only, never a value; and neither U+0000 nor lone surrogates,
 * which PostgreSQL as a broker refuses.
 */
export type Ref = string;

/** A position of the scan, opaque to all but its store. */
export type Cursor = string;

/** A record as it was read. */
export interface StoredRecord {
  readonly ref: Ref;
  /** The stored value, byte for byte; text columns as UTF-8. Compare-and-swap is on these bytes. */
  readonly value: Uint8Array;
  /** Text of each column that an AAD template names; null where the column is NULL. */
  readonly fields: Readonly<Record<string, string | null>>;
  /** The store's own note of the key version (`versionColumn`); a hint, null where there is none. */
  readonly keyVersion: string | null;
  /**
   * The store's mark of the state that was read (an ETag), opaque to all others; null where the store
   * compares the value itself. It comes back with the replacement.
   */
  readonly revision: string | null;
  /**
   * Of class `record`: why the value cannot be had, though the record is there (archived, too large); `value`
   * is then empty.
   */
  readonly fault?: Fault | undefined;
}

/** A wish to replace a value, if it is still exactly the one that was read. */
export interface Replacement {
  readonly ref: Ref;
  readonly oldValue: Uint8Array;
  readonly newValue: Uint8Array;
  /** The key version that the new value is under, for a `versionColumn`. */
  readonly keyVersion: string;
  /** As it was read. */
  readonly revision: string | null;
}

/**
 * `conflict`: the value is no longer the one that was read, the record is gone, or it is locked now.
 * A `Fault` of class `record`: the store refuses this new value (a constraint, a trigger, a length), and it
 * alone.
 */
export type ReplaceOutcome = 'replaced' | 'conflict' | Fault;

/** The wish to put `newValue` where `record` was read. */
export function replacementOf(record: StoredRecord, newValue: Uint8Array, keyVersion: string): Replacement {
  const { ref, value, revision } = record;
  return { ref, oldValue: value, newValue, keyVersion, revision };
}
