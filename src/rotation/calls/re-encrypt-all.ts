import { Fault } from '../faults.ts';
import type { Goal } from '../goal.ts';
import type { KeyService, ReEncrypted, ReEncryptItem } from '../ports/key-service.ts';
import { reEncryptBound } from './bound-reply.ts';
import { judgeReply, type CiphertextOutcome } from './ciphertext-outcome.ts';
import { callPatiently, type CallDeps } from './patient-call.ts';
import { collectQuestions, type Question, type Wanted } from './questions.ts';
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
  const { aadIsOwn, shared } = deps;
  function answer({ askers, sharingKey }: Question<Asker>, outcome: CiphertextOutcome): void {
    if (sharingKey !== null) shared.keep(sharingKey, outcome);
    for (const asker of askers) onOutcome(asker, outcome);
  }

  async function ask(questions: readonly Question<Asker>[], either: AbortSignal): Promise<void> {
    for (const [question, outcome] of await answersTo(deps, goal, questions, either))
      answer(question, outcome);
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
  const { itemsPerCall } = deps.keyService;
  const calls: Question<Asker>[][] = [];
  for (let start = 0; start < open.length; start += itemsPerCall)
    calls.push(open.slice(start, start + itemsPerCall));
  return untilFirstFault(calls, deps, ask, signal);
}

/** Tries key after key, until each question of the call has an answer. */
async function answersTo<Asker extends Wanted>(
  deps: CallDeps,
  goal: Goal,
  questions: readonly Question<Asker>[],
  signal: AbortSignal,
): Promise<Map<Question<Asker>, CiphertextOutcome>> {
  const target = { keyId: goal.target.keyId, versionId: goal.versionId };
  const send: KeyService['reEncrypt'] = (items, stop) => reEncryptBound(deps.keyService, items, stop);
  const answers = new Map<Question<Asker>, CiphertextOutcome>();
  const refusals = new Map<Question<Asker>, { fault: Fault; calls: number }>();

  function refuse(question: Question<Asker>, fault: Fault, calls: number): void {
    const earlier = refusals.get(question);
    refusals.set(question, { fault: earlier?.fault ?? fault, calls: (earlier?.calls ?? 0) + calls });
  }

  for (let place = 0; answers.size < questions.length; place += 1) {
    const open = questions.filter((question) => !answers.has(question));
    const sent: { question: Question<Asker>; item: ReEncryptItem }[] = [];
    for (const question of open) {
      const item = question.tries[place];
      if (item === undefined)
        answers.set(question, { kind: 'refused', ...refusalOf(refusals.get(question)) });
      else if (item instanceof Fault) refuse(question, item, 0);
      else sent.push({ question, item });
    }
    if (sent.length === 0) continue;
    const items = sent.map(({ item }) => item);
    const call = { items, send, target };
    const outcomes = await callPatiently<ReEncryptItem, ReEncrypted>(deps, call, signal);
    for (const [index, { question, item }] of sent.entries()) {
      const outcome = outcomes[index];
      if (outcome?.kind === 'reply') answers.set(question, judgeReply(item, outcome.reply));
      else if (outcome !== undefined) refuse(question, outcome.fault, outcome.calls);
    }
  }
  return answers;
}

function refusalOf(refusal: { fault: Fault; calls: number } | undefined): { fault: Fault; calls: number } {
  return refusal ?? { fault: new Fault('record', 'NO_KEY', 'no key to try'), calls: 0 };
}
