import { asFault } from '../faults.ts';
import type { OpenRecord } from '../open-record.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';
import { reEncryptRecords, type ReEncryptDeps } from './re-encrypt-records.ts';
import type { RenewValues, ValueOutcome } from './renewal.ts';

/** Renews values by the KMS's reEncrypt: no plaintext enters the process. */
export function createRewrapValues(deps: ReEncryptDeps): RenewValues {
  return (goal, records, onOutcome, signal) =>
    reEncryptRecords(
      deps,
      goal,
      records,
      (open, outcomes) => onOutcome(open, sealOutcomes(open, outcomes)),
      signal,
    );
}

/**
 * One ciphertext that is refused or lagging decides for its record: a value is renewed as a whole or not at
 * all.
 */
function sealOutcomes({ opened }: OpenRecord, outcomes: readonly CiphertextOutcome[]): ValueOutcome {
  let lagging: ValueOutcome | null = null;
  let sourceVersionId: string | null = null;
  for (const outcome of outcomes) {
    if (outcome.kind === 'refused') return outcome;
    if (outcome.kind === 'lagging') lagging ??= outcome;
    if (outcome.kind === 'rewrapped') sourceVersionId ??= outcome.sourceVersionId;
  }
  if (lagging !== null) return lagging;
  if (sourceVersionId === null) return { kind: 'onPin' };
  const ciphertexts = opened.ciphertexts.map((before, place) => {
    const outcome = outcomes[place];
    return outcome?.kind === 'rewrapped' ? outcome.ciphertext : before;
  });
  try {
    return { kind: 'renewed', newValue: opened.seal(ciphertexts), sourceVersionId };
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'record') throw fault;
    return { kind: 'refused', fault, calls: ciphertexts.length };
  }
}
