import { Buffer } from 'node:buffer';
import { Fault } from '../faults.ts';
import { requestFor, withoutAad, type Goal } from '../goal.ts';
import type { OpenRecord } from '../open-record.ts';
import type { ReEncryptItem } from '../ports/key-service.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';

/** Larger ciphertexts are no wrapped keys (4096 bytes is Tink's limit), and hardly shared. */
const largestSharedBytes = 4096;

export type Refusal = Extract<CiphertextOutcome, { kind: 'refused' }>;

/**
 * What the KMS is to be asked of one ciphertext. One object for each ciphertext of a batch and no more: what lives as
 * long as a batch is copied by each collection of garbage meanwhile.
 */
export interface Question {
  readonly goal: Goal;
  readonly open: OpenRecord;
  /** Which of the record's ciphertexts. */
  readonly place: number;
  /** Equal for questions that have the same answer; null where it cannot have an equal. */
  readonly sharingKey: string | null;
  /** Those that are not asked, as they have the same answer. */
  same: Question[] | null;
  /** Of the keys that were tried so far. */
  refusal: Refusal | null;
}

export interface Questions {
  /** To be asked, in the order of the records. */
  readonly asked: readonly Question[];
  /** How many are not, as another has the same answer. */
  readonly shared: number;
}

/** What is to be asked of records' ciphertexts. `aadIsOwn`: no two records have the same AAD by their template. */
export function collectQuestions(goal: Goal, records: readonly OpenRecord[], aadIsOwn: boolean): Questions {
  const bareGoal = withoutAad(goal);
  const bySharingKey = new Map<string, Question>();
  const asked: Question[] = [];
  let shared = 0;
  for (const open of records) {
    const { aad, ciphertexts } = open.opened;
    const itsGoal = aad === 'none' ? bareGoal : goal;
    const isOwn = aadIsOwn && aad === 'template';
    for (let place = 0; place < ciphertexts.length; place += 1) {
      const sharingKey = isOwn ? null : sharingKeyOf(itsGoal, open, place);
      const question = { goal: itsGoal, open, place, sharingKey, same: null, refusal: null };
      const first = sharingKey === null ? undefined : bySharingKey.get(sharingKey);
      if (first === undefined) {
        asked.push(question);
        if (sharingKey !== null) bySharingKey.set(sharingKey, question);
      } else {
        (first.same ??= []).push(question);
        shared += 1;
      }
    }
  }
  return { asked, shared };
}

/**
 * The request with one of the goal's keys to try, the same key for all questions; a fault where a template cannot be
 * filled in, undefined behind the last key.
 */
export function requestWith(
  { goal, open, place }: Pick<Question, 'goal' | 'open' | 'place'>,
  keyPlace: number,
): ReEncryptItem | Fault | undefined {
  const from = goal.keysToTry[keyPlace];
  const ciphertext = open.opened.ciphertexts[place];
  if (from === undefined || ciphertext === undefined) return undefined;
  try {
    return requestFor(goal, from, open.record, ciphertext);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

function sharingKeyOf(goal: Goal, open: OpenRecord, place: number): string | null {
  const parts: Uint8Array[] = [];
  for (let keyPlace = 0; ; keyPlace += 1) {
    const item = requestWith({ goal, open, place }, keyPlace);
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
