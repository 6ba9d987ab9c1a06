import type { OpenRecord } from '../open-record.ts';
import type { CiphertextOutcome } from './ciphertext-outcome.ts';
import type { Question } from './questions.ts';

/** A record of which some ciphertexts have their outcome. */
interface Partly {
  readonly outcomes: CiphertextOutcome[];
  left: number;
}

/** Takes the outcomes of ciphertexts one by one, and tells those of a record, in their order, once it has them all. */
export function gatherOutcomes(
  onOutcomes: (record: OpenRecord, outcomes: readonly CiphertextOutcome[]) => void,
): (question: Pick<Question, 'open' | 'place'>, outcome: CiphertextOutcome) => void {
  const partly = new Map<OpenRecord, Partly>();
  return ({ open, place }, outcome) => {
    const { length } = open.opened.ciphertexts;
    if (length === 1) return onOutcomes(open, [outcome]);
    const known = partly.get(open) ?? { outcomes: [], left: length };
    known.outcomes[place] = outcome;
    known.left -= 1;
    partly.set(open, known);
    if (known.left > 0) return;
    partly.delete(open);
    onOutcomes(open, known.outcomes);
  };
}
