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
  /** As `setAside`, of a record that was written and cannot be opened: it stays so through a hand-back. */
  condemn(ref: Ref, fault: Fault, calls: number): void;
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
  const condemned: RecordFailure[] = [...(earlier?.failures ?? [])];
  const setAside: RecordFailure[] = [];
  const gained: { -readonly [outcome in keyof Tally]: number } = { ...emptyTally, failed: condemned.length };
  const tallyBefore = earlier?.tally ?? emptyTally;
  const sourceVersions = new Map(Object.entries(earlier?.before ?? {}));

  function list(
    failures: RecordFailure[],
    ref: Ref,
    { code, message, requestId }: Fault,
    attempts: number,
  ): void {
    if (!left.delete(ref)) return;
    gained.failed += 1;
    const time = new Date(now()).toISOString();
    failures.push({ ref, code, message, requestId: requestId ?? null, time, attempts });
  }

  return {
    left,
    tally: () => addTallies(tallyBefore, gained),
    gained: () => ({ ...gained }),
    failures: () => [...condemned, ...setAside],
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
    setAside: (ref, fault, calls) => list(setAside, ref, fault, calls),
    condemn: (ref, fault, calls) => list(condemned, ref, fault, calls),
    conflict() {
      gained.conflicts += 1;
    },
    progress() {
      const done = gained.rotated + gained.skipped + gained.missing;
      return {
        tally: addTallies(tallyBefore, { ...gained, failed: 0 }),
        failures: condemned,
        before: Object.fromEntries(sourceVersions),
        left: [...left, ...setAside.map(({ ref }) => ref)],
        fruitless: done > 0 ? 0 : (earlier?.fruitless ?? 0) + 1,
      };
    },
  };
}
