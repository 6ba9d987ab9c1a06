import { Buffer } from 'node:buffer';
import { Fault } from '../faults.ts';
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
  readonly goal: Goal;
  /** The first of `askers`. */
  readonly asker: Asker;
  /** Equal for questions that have the same answer; null where it cannot have an equal. */
  readonly sharingKey: string | null;
  readonly askers: Asker[];
  /** Of the keys that were tried so far. */
  refusal: Refusal | null;
}

/** The questions behind what is wanted, in its order. `aadIsOwn`: no two records have the same AAD by their template. */
export function collectQuestions<Asker extends Wanted>(
  goal: Goal,
  wanted: readonly Asker[],
  aadIsOwn: boolean,
): Question<Asker>[] {
  const bareGoal = withoutAad(goal);
  const shared = new Map<string, Question<Asker>>();
  const questions: Question<Asker>[] = [];
  for (const asker of wanted) {
    const isBare = asker.aad === 'none';
    const itsGoal = isBare ? bareGoal : goal;
    const sharingKey = aadIsOwn && !isBare ? null : sharingKeyOf(itsGoal, asker);
    const same = sharingKey === null ? undefined : shared.get(sharingKey);
    if (same !== undefined) {
      same.askers.push(asker);
      continue;
    }
    const question: Question<Asker> = { goal: itsGoal, asker, sharingKey, askers: [asker], refusal: null };
    questions.push(question);
    if (sharingKey !== null) shared.set(sharingKey, question);
  }
  return questions;
}

/**
 * The request with one of the goal's keys to try, the same key for all questions; a fault where a template cannot be
 * filled in, undefined behind the last key.
 */
export function requestWith(
  goal: Goal,
  { record, ciphertext }: Wanted,
  place: number,
): ReEncryptItem | Fault | undefined {
  const from = goal.keysToTry[place];
  if (from === undefined) return undefined;
  try {
    return requestFor(goal, from, record, ciphertext);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

function sharingKeyOf(goal: Goal, wanted: Wanted): string | null {
  const parts: Uint8Array[] = [];
  for (let place = 0; ; place += 1) {
    const item = requestWith(goal, wanted, place);
    // One flat string: the ropes that V8 makes of sums hold several times the memory.
    if (item === undefined) return Buffer.concat(parts).toString('latin1');
    if (item instanceof Fault || item.ciphertext.length > largestSharedBytes) return null;
    const { sourceKeyId, sourceAad, keyId, versionId, aad, ciphertext } = item;
    // Lengths first, so that no two questions run together into one key.
    const lengths = `${sourceAad.length},${aad.length},${ciphertext.length}`;
    const head = Buffer.from(`${sourceKeyId}\0${keyId}\0${versionId}\0${lengths}\0`);
    parts.push(head, sourceAad, aad, ciphertext);
  }
}
