import { LRUCache } from 'lru-cache';
import { Buffer } from 'node:buffer';
import { viewAsBuffer } from '../formats/utf8.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';

/** Room for the results of some 30,000 wrapped keys. */
const cacheBytes = 16 * 1024 * 1024;
/** What an entry takes besides its bytes, by heap snapshots. */
const entryBytes = 200;

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

/** What is kept of an outcome: no buffer, as a small one keeps all of the 8 KB that Node has cut it from. */
interface Kept {
  /** In Latin-1, for bytes; null where the ciphertext was under the pin. */
  readonly ciphertext: string | null;
  readonly sourceVersionId: string;
}

export function createSharedResults(saved: SharedResults['saved']): SharedResults {
  const outcomes = new LRUCache<string, Kept>({
    maxSize: cacheBytes,
    sizeCalculation: ({ ciphertext }, key) => entryBytes + key.length + (ciphertext?.length ?? 0),
  });
  return {
    saved,
    forget: () => outcomes.clear(),
    recall(sharingKey) {
      const kept = outcomes.get(sharingKey);
      if (kept === undefined) return null;
      const { ciphertext, sourceVersionId } = kept;
      if (ciphertext === null) return { kind: 'onPin' };
      return { kind: 'rewrapped', ciphertext: Buffer.from(ciphertext, 'latin1'), sourceVersionId };
    },
    keep(sharingKey, outcome) {
      // A refusal may have come of a passing trouble, and a KMS that lags catches up.
      if (outcome.kind === 'onPin') outcomes.set(sharingKey, { ciphertext: null, sourceVersionId: '' });
      if (outcome.kind !== 'rewrapped') return;
      const ciphertext = viewAsBuffer(outcome.ciphertext).toString('latin1');
      outcomes.set(sharingKey, { ciphertext, sourceVersionId: outcome.sourceVersionId });
    },
  };
}
