import type { Goal } from '../goal.ts';
import type { OpenRecord } from '../open-record.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';
import type { Wanted } from './questions.ts';
import { reEncryptAll, type ReEncryptDeps } from './re-encrypt-all.ts';
import type { Fault } from '../faults.ts';

/** A record whose ciphertexts come back one by one. */
interface Pending {
  readonly open: OpenRecord;
  readonly outcomes: CiphertextOutcome[];
  left: number;
}

interface Part extends Wanted {
  readonly pending: Pending;
  readonly place: number;
}

/**
 * As `reEncryptAll`, for records: tells the outcomes of a record's ciphertexts, in their order, once all of
 * them are known.
 */
export function reEncryptRecords(
  deps: ReEncryptDeps,
  goal: Goal,
  records: readonly OpenRecord[],
  onOutcomes: (record: OpenRecord, outcomes: readonly CiphertextOutcome[]) => void,
  signal: AbortSignal,
): Promise<Fault | null> {
  return reEncryptAll(
    deps,
    goal,
    records.flatMap(partsOf),
    ({ pending, place }, outcome) => {
      pending.outcomes[place] = outcome;
      pending.left -= 1;
      if (pending.left === 0) onOutcomes(pending.open, pending.outcomes);
    },
    signal,
  );
}

function partsOf(open: OpenRecord): Part[] {
  const { ciphertexts, aad } = open.opened;
  const pending: Pending = { open, outcomes: [], left: ciphertexts.length };
  return ciphertexts.map((ciphertext, place) => ({ record: open.record, ciphertext, aad, pending, place }));
}
