import type { BatchProgress, RecordFailure, SourceVersions, Tally } from '../rotation/batch.ts';
import { addTallies, emptyTally } from '../rotation/batch.ts';
import type { Fault } from '../rotation/faults.ts';
import type { Ref } from '../rotation/record.ts';

/** The books of one batch: each reference is either left or in the tally, never both. */
export interface BatchAccount {
  /** References without an outcome. */
  readonly left: ReadonlySet<Ref>;
  readonly tally: () => Tally;
  /** What came out since this account was opened, without what an earlier worker handed over. */
  readonly gained: () => Tally;
  readonly failures: () => readonly RecordFailure[];
  /** What the rotated records were under, with what an earlier worker handed over. */
  readonly before: () => SourceVersions;
  settle(ref: Ref, outcome: 'skipped' | 'missing'): void;
  /** The version that the record was under; empty where the KMS does not name it. */
  settleRotated(ref: Ref, sourceVersionId: string): void;
  setAside(ref: Ref, fault: Fault, calls: number): void;
  conflict(): void;
  /** How the batch travels on when it is handed back: what was set aside is left, to be tried again. */
  progress(): BatchProgress;
}

/** Opens the books of a batch, where an earlier worker left them. */
export function openAccount(
  refs: readonly Ref[],
  earlier: BatchProgress | null,
  now = Date.now,
): BatchAccount {
  const left = new Set(earlier?.left ?? refs);
  const failures: RecordFailure[] = [];
  const gained: { -readonly [outcome in keyof Tally]: number } = { ...emptyTally };
  const tallyBefore = earlier?.tally ?? emptyTally;
  const sourceVersions = new Map(Object.entries(earlier?.before ?? {}));

  return {
    left,
    tally: () => addTallies(tallyBefore, gained),
    gained: () => ({ ...gained }),
    failures: () => failures,
    before: () => Object.fromEntries(sourceVersions),
    settle(ref, outcome) {
      if (left.delete(ref)) gained[outcome] += 1;
    },
    settleRotated(ref, sourceVersionId) {
      if (!left.delete(ref)) return;
      gained.rotated += 1;
      const version = sourceVersionId === '' ? 'unnamed' : sourceVersionId;
      sourceVersions.set(version, (sourceVersions.get(version) ?? 0) + 1);
    },
    setAside(ref, fault, calls) {
      if (!left.delete(ref)) return;
      gained.failed += 1;
      failures.push({
        ref,
        code: fault.code,
        message: fault.message,
        requestId: fault.requestId ?? null,
        time: new Date(now()).toISOString(),
        attempts: calls,
      });
    },
    conflict() {
      gained.conflicts += 1;
    },
    progress() {
      const done = gained.rotated + gained.skipped + gained.missing;
      return {
        tally: addTallies(tallyBefore, { ...gained, failed: 0 }),
        before: Object.fromEntries(sourceVersions),
        left: [...left, ...failures.map(({ ref }) => ref)],
        fruitless: done > 0 ? 0 : (earlier?.fruitless ?? 0) + 1,
      };
    },
  };
}
