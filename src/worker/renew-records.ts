import type { OpenRecord } from '../rotation/open-record.ts';
import type { Fault } from '../rotation/faults.ts';
import type { Ref, StoredRecord } from '../rotation/record.ts';
import type { BatchAccount } from './account.ts';
import type { BatchDeps } from './process-batch.ts';

/** A value brought under the pin, not yet known to be written. */
export interface Renewal {
  /** As it was before. */
  readonly record: StoredRecord;
  readonly newValue: Uint8Array;
  /** Empty where the KMS does not name it. */
  readonly sourceVersionId: string;
}

/**
 * Renews the values that have no renewal yet, into `renewals`; records that need no write, or cannot have
 * one, are settled at once. Returns the fault that stopped it: one that holds for all of them.
 */
export async function renewRecords(
  records: readonly OpenRecord[],
  renewals: Map<Ref, Renewal>,
  { goal, renewValues }: BatchDeps,
  account: BatchAccount,
  signal: AbortSignal,
): Promise<Fault | null> {
  const toRenew = records.filter(
    ({ record }) => !isSame(renewals.get(record.ref)?.record.value, record.value),
  );
  for (const { record } of toRenew) renewals.delete(record.ref);
  let caughtUp = false;
  return renewValues(
    goal,
    toRenew,
    ({ record }, outcome) => {
      switch (outcome.kind) {
        case 'renewed':
          caughtUp = true;
          renewals.set(record.ref, {
            record,
            newValue: outcome.newValue,
            sourceVersionId: outcome.sourceVersionId,
          });
          break;
        case 'onPin':
          account.settle(record.ref, 'skipped');
          break;
        case 'refused':
          account.setAside(record.ref, outcome.fault, outcome.calls);
          break;
        case 'lagging':
          // No replica of the KMS has shown the pin yet: asking for the others would waste its quota.
          if (!caughtUp) throw outcome.fault;
      }
    },
    signal,
  );
}

export function isSame(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && Buffer.compare(left, right) === 0;
}
