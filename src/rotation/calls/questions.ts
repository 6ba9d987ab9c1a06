import { Fault } from '../faults.ts';
import { viewAsBuffer } from '../formats/utf8.ts';
import { requestFor, withoutAad, type Goal } from '../goal.ts';
import type { ReEncryptItem } from '../ports/key-service.ts';
import type { StoredRecord } from '../record.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';

/** Larger ciphertexts are no wrapped keys (4096 bytes is Tink's limit), and hardly shared. */
const largestSharedBytes = 4096;

export type Refusal = Extract<CiphertextOutcome, { kind: 'refused' }>;

/** One ciphertext of a record, to be brought under the pin. */
export interface Wanted {
  readonly record: StoredRecord;
  readonly ciphertext: Uint8Array;
  /** As its format says (`Opened.aad`). */
  readonly aad: 'template' | 'none';
}

/** What the KMS is to be asked, once for all who have the same ciphertext and AAD. */
export interface Question<Asker extends Wanted> {
  /** The request with each of the goal's keys to try; a fault where a template cannot be filled in. */
  readonly tries: readonly (ReEncryptItem | Fault)[];
  /** Equal for questions that have the same answer; null where it cannot have an equal. */
  readonly sharingKey: string | null;
  readonly askers: Asker[];
  /** Of the keys that were tried so far. */
  refusal: Refusal | null;
}

/**
 * The questions behind what is wanted, in its order. At one place of `tries`, all have the same keys. `aadIsOwn`: no
 * two records have the same AAD by their template.
 */
export function collectQuestions<Asker extends Wanted>(
  goal: Goal,
  wanted: readonly Asker[],
  aadIsOwn: boolean,
): Question<Asker>[] {
  const bareGoal = withoutAad(goal);
  const shared = new Map<string, Question<Asker>>();
  const questions: Question<Asker>[] = [];
  for (const asker of wanted) {
    const tries = renderTries(asker.aad === 'none' ? bareGoal : goal, asker);
    const sharingKey = aadIsOwn && asker.aad === 'template' ? null : sharingKeyOf(tries);
    const same = sharingKey === null ? undefined : shared.get(sharingKey);
    if (same !== undefined) {
      same.askers.push(asker);
      continue;
    }
    const question: Question<Asker> = { tries, sharingKey, askers: [asker], refusal: null };
    questions.push(question);
    if (sharingKey !== null) shared.set(sharingKey, question);
  }
  return questions;
}

function renderTries(goal: Goal, { record, ciphertext }: Wanted): (ReEncryptItem | Fault)[] {
  return goal.keysToTry.map((from) => {
    try {
      return requestFor(goal, from, record, ciphertext);
    } catch (error) {
      if (error instanceof Fault) return error;
      throw error;
    }
  });
}

function sharingKeyOf(tries: readonly (ReEncryptItem | Fault)[]): string | null {
  let key = '';
  for (const item of tries) {
    if (item instanceof Fault || item.ciphertext.length > largestSharedBytes) return null;
    const { sourceKeyId, sourceAad, keyId, versionId, aad, ciphertext } = item;
    // Lengths first, so that no two questions run together into one key.
    key += `${sourceKeyId}\0${keyId}\0${versionId}\0${sourceAad.length},${aad.length},${ciphertext.length}\0`;
    key += latin1(sourceAad) + latin1(aad) + latin1(ciphertext);
  }
  return key;
}

function latin1(bytes: Uint8Array): string {
  return viewAsBuffer(bytes).toString('latin1');
}
