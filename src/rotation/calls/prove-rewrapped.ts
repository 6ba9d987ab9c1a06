import { createGoal } from '../goal.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';
import { reEncryptRecords, type ReEncryptDeps } from './re-encrypt-records.ts';
import { judgeRefusal, type ProveReadable, type Readability } from './readability.ts';

/**
 * Proves that values can be opened by re-encrypting them from the target to itself; the results are thrown
 * away, and no plaintext enters the process.
 */
export function createProveRewrapped(deps: ReEncryptDeps): ProveReadable {
  return ({ target, versionId }, records, onProof, signal) =>
    reEncryptRecords(
      deps,
      createGoal(target, target, versionId),
      records,
      (open, outcomes) => {
        const readability = judge(outcomes);
        // What made it may not be given to other records too.
        if (readability.kind === 'unreadable') deps.shared.forget();
        onProof(open, readability);
      },
      signal,
    );
}

/** Whatever version a reply names: to re-encrypt it, the KMS has opened the ciphertext. */
function judge(outcomes: readonly CiphertextOutcome[]): Readability {
  const refusals = outcomes.filter((outcome) => outcome.kind === 'refused').map(judgeRefusal);
  return refusals.find(({ kind }) => kind === 'unreadable') ?? refusals[0] ?? { kind: 'readable' };
}
