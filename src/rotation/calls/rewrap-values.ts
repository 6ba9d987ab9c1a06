import { asFault } from '../faults.ts';
import type { OpenRecord } from '../open-record.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';
import type { ReEncryptDeps } from './re-encrypt-all.ts';
import { reEncryptRecords } from './re-encrypt-records.ts';
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
  const refused = outcomes.find((outcome) => outcome.kind === 'refused');
  if (refused !== undefined) return refused;
  const lagging = outcomes.find((outcome) => outcome.kind === 'lagging');
  if (lagging !== undefined) return lagging;
  const rewrapped = outcomes.find((outcome) => outcome.kind === 'rewrapped');
  if (rewrapped === undefined) return { kind: 'onPin' };
  const ciphertexts = opened.ciphertexts.map((before, place) => {
    const outcome = outcomes[place];
    return outcome?.kind === 'rewrapped' ? outcome.ciphertext : before;
  });
  try {
    const { sourceVersionId } = rewrapped;
    return { kind: 'renewed', newValue: opened.seal(ciphertexts), sourceVersionId };
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'record') throw fault;
    return { kind: 'refused', fault, calls: ciphertexts.length };
  }
}
