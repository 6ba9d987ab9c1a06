import { asFault, Fault } from '../faults.ts';
import { isOnPin, requestFor, wasOnPin, type Goal } from '../goal.ts';
import type { StoredRecord } from '../record.ts';
import { callPatiently, type CallDeps } from './patient-call.ts';

/**
 * What the KMS said of one ciphertext.
 * - `onPin`: it lies under the pin already.
 * - `rewrapped`: here it is under the pin; before, it lay under `sourceVersionId`.
 * - `lagging`: the KMS used another version than the pin; it has not caught up.
 * - `refused`: no key opens it, or it failed too often while others did not.
 */
export type RecordOutcome =
  | { readonly kind: 'onPin' }
  | { readonly kind: 'rewrapped'; readonly ciphertext: Uint8Array; readonly sourceVersionId: string }
  | { readonly kind: 'lagging'; readonly fault: Fault; readonly sourceVersionId: string }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly calls: number };

/**
 * Asks the KMS to bring one ciphertext under the pin: with the first key that opens it. A ciphertext that all
 * refuse has the first refusal as its fault.
 */
export async function reEncryptRecord(
  deps: CallDeps,
  goal: Goal,
  record: StoredRecord,
  ciphertext: Uint8Array,
  signal: AbortSignal,
): Promise<RecordOutcome> {
  let refusal: Fault | undefined;
  let calls = 0;
  for (const from of goal.keysToTry) {
    const item = renderRequest(goal, from, record, ciphertext);
    if (item instanceof Fault) {
      refusal ??= item;
      continue;
    }
    const outcome = await callPatiently(deps, item, signal);
    calls += outcome.calls;
    if (outcome.kind === 'refused') {
      refusal ??= outcome.fault;
      continue;
    }
    const { reply } = outcome;
    if (wasOnPin(goal, from, reply)) return { kind: 'onPin' };
    if (isOnPin(goal, reply)) {
      return { kind: 'rewrapped', ciphertext: reply.ciphertext, sourceVersionId: reply.sourceVersionId };
    }
    return { kind: 'lagging', fault: notCaughtUp(goal), sourceVersionId: reply.sourceVersionId };
  }
  return { kind: 'refused', fault: refusal ?? new Fault('record', 'NO_KEY', 'no key to try'), calls };
}

function renderRequest(...args: Parameters<typeof requestFor>): ReturnType<typeof requestFor> | Fault {
  try {
    return requestFor(...args);
  } catch (error) {
    return asFault(error);
  }
}

function notCaughtUp(goal: Goal): Fault {
  return new Fault(
    'transient',
    'NOT_CAUGHT_UP',
    `KMS did not use version ${goal.versionId} of key ${goal.target.keyId}; it may take hours to catch up`,
    { peer: 'kms' },
  );
}
