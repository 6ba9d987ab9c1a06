import { reEncryptRecord } from '../rotation/calls/re-encrypt-record.ts';
import { asFault, type Fault } from '../rotation/faults.ts';
import type { Ref, StoredRecord } from '../rotation/record.ts';
import type { BatchAccount } from './account.ts';
import type { BatchDeps } from './process-batch.ts';
import { eitherSignal } from '../rotation/either-signal.ts';

/** A value brought under the pin, not yet known to be written. */
export interface Rewrap {
  readonly oldValue: Uint8Array;
  readonly newValue: Uint8Array;
}

/**
 * Re-encrypts the records whose value has no rewrap yet, into `rewraps`; those that need no write, or cannot
 * be opened, are settled at once. Returns the fault that stopped it: one that holds for all of them.
 */
export async function rewrapRecords(
  records: readonly StoredRecord[],
  rewraps: Map<Ref, Rewrap>,
  { calls, format, goal }: BatchDeps,
  account: BatchAccount,
  signal: AbortSignal,
): Promise<Fault | null> {
  const halt = new AbortController();
  const either = eitherSignal(signal, halt.signal);
  let stoppedBy: Fault | null = null;
  let caughtUp = false;

  async function rewrap(record: StoredRecord): Promise<void> {
    if (isSame(rewraps.get(record.ref)?.oldValue, record.value)) return;
    rewraps.delete(record.ref);
    if (either.aborted) return;
    const opened = format.open(record.value);
    const outcome = await reEncryptRecord(calls, goal, record, opened.ciphertext, either);
    if (outcome.kind === 'rewrapped') {
      caughtUp = true;
      rewraps.set(record.ref, { oldValue: record.value, newValue: opened.seal(outcome.ciphertext) });
    } else if (outcome.kind === 'onPin') {
      account.settle(record.ref, 'skipped');
    } else if (outcome.kind === 'refused') {
      account.setAside(record.ref, outcome.fault, outcome.calls);
    } else if (!caughtUp) {
      // No replica of the KMS has shown the pin yet: asking for the others would waste its quota.
      throw outcome.fault;
    }
  }

  await Promise.all(
    records.map((record) =>
      rewrap(record).catch((error: unknown) => {
        const fault = asFault(error);
        // What comes after the first fault is only its echo.
        if (!either.aborted) stoppedBy ??= fault;
        halt.abort();
      }),
    ),
  );
  return stoppedBy;
}

export function isSame(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && Buffer.compare(left, right) === 0;
}
