import type { Fault } from '../faults.ts';
import type { Goal } from '../goal.ts';
import type { OpenRecord } from '../open-record.ts';
import type { CallOutcome } from './patient-call.ts';

/**
 * What the KMS said of a value that lies in the store.
 * - `readable`: it opened all of the value's ciphertexts.
 * - `unreadable`: it refused one, so that nobody can open it.
 * - `unanswered`: it never said; nothing is known.
 */
export type Readability =
  | { readonly kind: 'readable' }
  | { readonly kind: 'unreadable'; readonly fault: Fault }
  | { readonly kind: 'unanswered'; readonly fault: Fault };

/**
 * Asks the KMS to open the values of records under the target key, and tells of each as it comes. Returns the
 * fault that stopped the rest: one of the KMS that holds for all.
 */
export type ProveReadable = (
  goal: Goal,
  records: readonly OpenRecord[],
  onProof: (record: OpenRecord, readability: Readability) => void,
  signal: AbortSignal,
) => Promise<Fault | null>;

/** Only a refusal that the KMS gave of the ciphertext itself says that it does not open. */
export function judgeRefusal({
  fault,
  calls,
}: Pick<CallOutcome<unknown> & { kind: 'refused' }, 'fault' | 'calls'>): Readability {
  return { kind: fault.faultClass === 'record' && calls > 0 ? 'unreadable' : 'unanswered', fault };
}
