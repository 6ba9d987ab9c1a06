import { asFault } from '../faults.ts';
import type { OpenRecord } from '../open-record.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';
import type { Wanted } from './questions.ts';
import { reEncryptAll, type ReEncryptDeps } from './re-encrypt-all.ts';
import type { RenewValues, ValueOutcome } from './renewal.ts';

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

/** Renews values by the KMS's reEncrypt: no plaintext enters the process. */
export function createRewrapValues(deps: ReEncryptDeps): RenewValues {
  return (goal, records, onOutcome, signal) =>
    reEncryptAll(
      deps,
      goal,
      records.flatMap(partsOf),
      ({ pending, place }, outcome) => {
        pending.outcomes[place] = outcome;
        pending.left -= 1;
        if (pending.left === 0) onOutcome(pending.open, sealOutcomes(pending));
      },
      signal,
    );
}

function partsOf(open: OpenRecord): Part[] {
  const { ciphertexts, aad } = open.opened;
  const pending: Pending = { open, outcomes: [], left: ciphertexts.length };
  return ciphertexts.map((ciphertext, place) => ({ record: open.record, ciphertext, aad, pending, place }));
}

/**
 * One ciphertext that is refused or lagging decides for its record: a value is renewed as a whole or not at
 * all.
 */
function sealOutcomes({ open: { opened }, outcomes }: Pending): ValueOutcome {
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
