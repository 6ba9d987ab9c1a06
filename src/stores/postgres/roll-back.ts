import { backoffMs, sleep } from '../../rotation/backoff.ts';
import { asFault, type Fault } from '../../rotation/faults.ts';
import { patiently } from '../../rotation/patience.ts';
import type { Ref } from '../../rotation/record.ts';
import type { EntryNumber, Journal, RestoredEntry, RestoreOutcome } from './journal.ts';

/** How long an outage of the store is waited for. */
const patienceMs = 30_000;
/** Rows that the application has locked are tried again this often, with a pause in between. */
const lockTries = 5;
const betweenLockTries = { initialMs: 100, maxMs: 1000 };
/** References that are kept of what could not be restored, so that memory does not grow with the journal. */
const keptRefs = 10_000;

/** Of entries: a record that was swapped twice counts twice. `refused`: the table refuses the old value. */
export type RollbackCounts = Readonly<Record<RestoreOutcome | 'refused', number>>;

export interface LeftRecord {
  readonly ref: Ref;
  readonly reason: Exclude<RestoreOutcome | 'refused', 'restored' | 'alreadyRestored'>;
}

export interface RollbackReport {
  readonly counts: RollbackCounts;
  /** Records that could not be restored, the first ten thousand. */
  readonly left: readonly LeftRecord[];
  /** False: `signal` aborted before the end; run again to go on. */
  readonly complete: boolean;
}

export interface RollbackOptions {
  /** Entries that one statement restores at most. */
  readonly batchSize: number;
  readonly signal: AbortSignal;
  /** Told of each fault that is waited out. */
  readonly onFault: (fault: Fault) => void;
  /** Called before each batch; throws where the rollback must not go on. */
  readonly beforeBatch: () => Promise<void>;
  /** The number of the entry that was looked at last; they fall. */
  readonly onProgress: (seq: EntryNumber) => void;
}

type Settled = Pick<RestoredEntry, 'seq' | 'ref'> & { readonly outcome: RestoreOutcome | 'refused' };

/**
 * Puts back what the journal holds, from the newest entry to the oldest, a batch in one round trip. May be
 * ended at any point and begun again: what is restored is marked in the same statement.
 */
export async function rollBack(journal: Journal, options: RollbackOptions): Promise<RollbackReport> {
  const { signal, onFault, batchSize } = options;
  const counts = { restored: 0, alreadyRestored: 0, changedSince: 0, gone: 0, locked: 0, refused: 0 };
  const left = new Map<Ref, LeftRecord>();
  const keepTrying = <T>(step: () => Promise<T>): Promise<T> =>
    patiently({ signal, patienceMs, onFault }, step);

  let before: EntryNumber | null = null;
  let limit = batchSize;
  while (!signal.aborted) {
    await options.beforeBatch();
    const batch: readonly Settled[] | null = await restoreBatch(before, limit);
    if (batch === null) {
      limit = Math.ceil(limit / 2);
      continue;
    }
    const last = batch.at(-1);
    if (last === undefined) return { counts, left: [...left.values()], complete: true };
    for (const { ref, outcome } of batch) note(ref, outcome);
    before = last.seq;
    limit = Math.min(batchSize, limit * 2);
    options.onProgress(last.seq);
  }
  return { counts, left: [...left.values()], complete: false };

  /** Null: one of several old values is refused, so that none was restored. */
  async function restoreBatch(from: EntryNumber | null, most: number): Promise<Settled[] | null> {
    const restored = new Set<EntryNumber>();
    for (let tries = 1; ; tries += 1) {
      try {
        const batch = await keepTrying(() => journal.restore(from, most));
        for (const { seq, outcome } of batch) if (outcome === 'restored') restored.add(seq);
        const isLocked = batch.some(({ outcome }) => outcome === 'locked');
        if (!isLocked || tries === lockTries || signal.aborted)
          return batch.map((entry) => (restored.has(entry.seq) ? { ...entry, outcome: 'restored' } : entry));
      } catch (error) {
        const fault = asFault(error);
        if (fault.faultClass !== 'record') throw fault;
        if (most > 1) return null;
        const refused = await keepTrying(() => journal.next(from));
        return refused === null ? [] : [{ ...refused, outcome: 'refused' }];
      }
      await sleep(backoffMs(tries, betweenLockTries), signal);
    }
  }

  function note(ref: Ref, outcome: Settled['outcome']): void {
    counts[outcome] += 1;
    if (outcome === 'restored' || outcome === 'alreadyRestored' || left.size >= keptRefs) return;
    if (!left.has(ref)) left.set(ref, { ref, reason: outcome });
  }
}
