import type { Fault } from '../faults.ts';
import type { Goal } from '../goal.ts';
import type { OpenRecord } from '../open-record.ts';

/**
 * What came of one record's value.
 * - `renewed`: `newValue` is the value with all its ciphertexts under the pin; before, it lay under
 *   `sourceVersionId` (of several, the first that was not under the pin), which is empty where the KMS does
 *   not name it.
 * - `onPin`: it needs no write.
 * - `lagging`: the KMS has not caught up with the pin.
 * - `refused`: a fault of this record alone, after so many calls.
 */
export type ValueOutcome =
  | { readonly kind: 'renewed'; readonly newValue: Uint8Array; readonly sourceVersionId: string }
  | { readonly kind: 'onPin' }
  | { readonly kind: 'lagging'; readonly fault: Fault }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly calls: number };

/**
 * Brings the values of records under the pin by calls of the KMS, and tells each outcome as it comes. Returns
 * the fault that stopped the rest: one of the KMS that holds for all, or what `onOutcome` threw.
 */
export type RenewValues = (
  goal: Goal,
  records: readonly OpenRecord[],
  onOutcome: (record: OpenRecord, outcome: ValueOutcome) => void,
  signal: AbortSignal,
) => Promise<Fault | null>;
