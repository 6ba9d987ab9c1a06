import type { OwnStore } from '../rotation/ports/open-store.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref } from '../rotation/record.ts';

/** A record that a test asks the fixture to put into the store. */
export interface SeedRecord {
  /** Distinct within a store: short, of a-z, 0-9 and `-`. */
  readonly id: string;
  /** The stored value. Null: the place is there, and empty; only where the store `knowsNull`. */
  readonly value: Uint8Array | null;
  /**
   * Text of the field `tenant`, the one field that the store is opened with (`fields: ['tenant']`); null
   * where it has none. Of no meaning unless the store `knowsFields`.
   */
  readonly tenant: string | null;
}

/**
 * An empty store of the adapter under test, and what an application does to it: all but `store` goes behind
 * the store's back, straight to where the records lie.
 */
export interface RecordStoreFixture {
  readonly store: OwnStore & Pick<RecordStore, 'scanRecords'>;
  /** Puts records. Gives their refs, exactly as the store's `scan` gives them, aligned with `records`. */
  seed(records: readonly SeedRecord[]): Promise<readonly Ref[]>;
  /**
   * Writes a value over another as the application does, the record's field as it was; null empties the
   * place.
   */
  write(ref: Ref, value: Uint8Array | null): Promise<void>;
  /** Deletes the record. */
  remove(ref: Ref): Promise<void>;
  /** The bytes as they lie there; null for an empty or missing one. */
  readRaw(ref: Ref): Promise<Uint8Array | null>;
  /** Closes the store and removes what was made for it. */
  close(): Promise<void>;
}

/** What kind of store it is. Every trait may be left out. */
export interface RecordStoreTraits {
  /** A value that the store can hold, another one for each label; by default a short text in UTF-8. */
  readonly makeValue?: (label: string) => Uint8Array;
  /** The store keeps a note of the key version, and gives it back as `keyVersion`; by default it does not. */
  readonly notesVersion?: boolean;
  /** The store knows empty places, a NULL say, which are no records; by default it does. */
  readonly knowsNull?: boolean;
  /** The store knows the field `tenant`; by default it does. */
  readonly knowsFields?: boolean;
  /** The store has `check`; by default it does. */
  readonly checks?: boolean;
  /** The store has `sample`; by default it does. */
  readonly samples?: boolean;
  /** The store has `scanRecords`; by default it does not. A store of a user's own needs none. */
  readonly scansRecords?: boolean;
  /** The name under which the store gives the field `tenant`, where it has its own rules for names. */
  readonly tenantField?: string;
  /** Records in the largest batch that is read, 1000 by default; fewer where each costs a request. */
  readonly batchSize?: number;
}
