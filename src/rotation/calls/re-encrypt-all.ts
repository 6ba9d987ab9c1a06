import { Fault } from '../faults.ts';
import type { Goal } from '../goal.ts';
import type { ReEncrypted, ReEncryptItem } from '../ports/key-service.ts';
import { checkBound } from './bound-reply.ts';
import { judgeReply, type CiphertextOutcome } from './ciphertext-outcome.ts';
import type { Lane } from './lane.ts';
import { callPatiently, type Call, type CallDeps } from './patient-call.ts';
import { collectQuestions, requestWith, type Question, type Refusal, type Wanted } from './questions.ts';
import type { SharedResults } from './shared-results.ts';
import { untilFirstFault } from './until-first-fault.ts';

export interface ReEncryptDeps extends CallDeps {
  /** Outcomes of the last calls of this process. */
  readonly shared: SharedResults;
  /** The AAD template holds the key of the record, so that no two can share an answer: none is kept for others. */
  readonly aadIsOwn: boolean;
}

/**
 * Asks the KMS to bring ciphertexts under the pin, each with the first key that opens it, as many in a call
 * as it takes; equal ones are asked for once. Tells each outcome as it comes; one that all keys refuse has
 * the first refusal as its fault. Returns the fault that stopped the rest: one of the KMS that holds for all,
 * or what `onOutcome` threw.
 */
export async function reEncryptAll<Asker extends Wanted>(
  deps: ReEncryptDeps,
  goal: Goal,
  wanted: readonly Asker[],
  onOutcome: (asker: Asker, outcome: CiphertextOutcome) => void,
  signal: AbortSignal,
): Promise<Fault | null> {
  const { aadIsOwn, keyService, shared } = deps;
  const toTarget: Omit<Call<ReEncryptItem, ReEncrypted>, 'items'> = {
    target: { keyId: goal.target.keyId, versionId: goal.versionId },
    send: (items, stop) => keyService.reEncrypt(items, stop),
    check: (items, results) => checkBound(keyService, items, results),
  };

  function answer({ askers, sharingKey }: Question<Asker>, outcome: CiphertextOutcome): void {
    if (sharingKey !== null) shared.keep(sharingKey, outcome);
    for (const asker of askers) onOutcome(asker, outcome);
  }

  /** Tries key after key, until each question of the call has an answer. */
  async function ask(questions: readonly Question<Asker>[], lane: Lane): Promise<void> {
    let open = questions;
    for (let place = 0; open.length > 0; place += 1) {
      const sent: Question<Asker>[] = [];
      const items: ReEncryptItem[] = [];
      const refused: Question<Asker>[] = [];
      for (const question of open) {
        const item = requestWith(question.goal, question.asker, place);
        if (item === undefined) answer(question, question.refusal ?? noKey());
        else if (item instanceof Fault) refused.push(refuse(question, item, 0));
        else {
          sent.push(question);
          items.push(item);
        }
      }
      const outcomes = items.length === 0 ? [] : await callPatiently(deps, { ...toTarget, items }, lane);
      outcomes.forEach((outcome, index) => {
        const question = sent[index];
        const item = items[index];
        if (question === undefined || item === undefined) return;
        if (outcome.kind === 'reply') answer(question, judgeReply(item, outcome.reply));
        else refused.push(refuse(question, outcome.fault, outcome.calls));
      });
      open = refused;
    }
  }

  const questions = collectQuestions(goal, wanted, aadIsOwn);
  if (questions.length < wanted.length) shared.saved('batch', wanted.length - questions.length);
  const open = questions.filter((question) => {
    const known = question.sharingKey === null ? null : shared.recall(question.sharingKey);
    if (known === null) return true;
    shared.saved('cache', 1);
    answer(question, known);
    return false;
  });
  const { itemsPerCall } = keyService;
  const calls: Question<Asker>[][] = [];
  for (let start = 0; start < open.length; start += itemsPerCall)
    calls.push(open.slice(start, start + itemsPerCall));
  return untilFirstFault(calls, deps, ask, signal);
}

/** The first refusal stands, with the calls of all. */
function refuse<Of extends Question<Wanted>>(question: Of, fault: Fault, calls: number): Of {
  const { refusal } = question;
  question.refusal = {
    kind: 'refused',
    fault: refusal?.fault ?? fault,
    calls: (refusal?.calls ?? 0) + calls,
  };
  return question;
}

function noKey(): Refusal {
  return { kind: 'refused', fault: new Fault('record', 'NO_KEY', 'no key to try'), calls: 0 };
}
