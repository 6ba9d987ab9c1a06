import { LRUCache } from 'lru-cache';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';

/** Room for the results of some 50,000 wrapped keys. */
const cacheBytes = 16 * 1024 * 1024;

/**
 * What knew the answer, so that no call was needed: another record of the batch, or one of an earlier batch.
 */
export type SavedBy = 'batch' | 'cache';

/**
 * Outcomes of the last calls of this process, for records that share a ciphertext and its AAD: data key
 * caching puts one wrapped key into thousands of records. Bounded in bytes; the longest unused are dropped.
 */
export interface SharedResults {
  /** The outcome of an equal question; null if it is not known. */
  recall(sharingKey: string): CiphertextOutcome | null;
  keep(sharingKey: string, outcome: CiphertextOutcome): void;
  /** Drops all outcomes, since one of them has proved wrong. */
  forget(): void;
  /** Counts calls that were not needed. */
  readonly saved: (by: SavedBy, calls: number) => void;
}

export function createSharedResults(saved: SharedResults['saved']): SharedResults {
  const outcomes = new LRUCache<string, CiphertextOutcome>({
    maxSize: cacheBytes,
    sizeCalculation: (outcome, key) =>
      key.length + (outcome.kind === 'rewrapped' ? outcome.ciphertext.length : 1),
  });
  return {
    saved,
    forget: () => outcomes.clear(),
    recall: (sharingKey) => outcomes.get(sharingKey) ?? null,
    keep(sharingKey, outcome) {
      // A refusal may have come of a passing trouble, and a KMS that lags catches up.
      if (outcome.kind === 'rewrapped' || outcome.kind === 'onPin') outcomes.set(sharingKey, outcome);
    },
  };
}
