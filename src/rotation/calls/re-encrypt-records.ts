import { Fault } from '../faults.ts';
import type { Goal } from '../goal.ts';
import type { OpenRecord } from '../open-record.ts';
import type { ReEncrypted, ReEncryptItem } from '../ports/key-service.ts';
import { checkBound } from './bound-reply.ts';
import { judgeReply, type CiphertextOutcome } from './ciphertext-outcome.ts';
import { gatherOutcomes } from './gather-outcomes.ts';
import type { Lane } from './lanes.ts';
import { callPatiently, type Call, type CallDeps } from './patient-call.ts';
import { collectQuestions, requestWith, type Question, type Refusal } from './questions.ts';
import type { SharedResults } from './shared-results.ts';
import { untilFirstFault, type Listed } from './until-first-fault.ts';

export interface ReEncryptDeps extends CallDeps {
  /** Outcomes of the last calls of this process. */
  readonly shared: SharedResults;
  /** The AAD template holds the key of the record, so that no two can share an answer: none is kept for others. */
  readonly aadIsOwn: boolean;
}

/**
 * Asks the KMS to bring the ciphertexts of records under the pin, each with the first key that opens it, as many in a
 * call as it takes; equal ones are asked for once. Tells the outcomes of a record's ciphertexts, in their order, once
 * all of them are known; one that all keys refuse has the first refusal as its fault. Returns the fault that stopped
 * the rest: one of the KMS that holds for all, or what `onOutcomes` threw.
 */
export async function reEncryptRecords(
  deps: ReEncryptDeps,
  goal: Goal,
  records: readonly OpenRecord[],
  onOutcomes: (record: OpenRecord, outcomes: readonly CiphertextOutcome[]) => void,
  signal: AbortSignal,
): Promise<Fault | null> {
  const { aadIsOwn, keyService, shared } = deps;
  const target = { keyId: goal.target.keyId, versionId: goal.versionId };
  const tell = gatherOutcomes(onOutcomes);

  function callFor(items: readonly ReEncryptItem[]): Call<ReEncryptItem, ReEncrypted> {
    return { items, target, send, check };
  }
  function send(items: readonly ReEncryptItem[], stop: AbortSignal): Promise<(ReEncrypted | Fault)[]> {
    return keyService.reEncrypt(items, stop);
  }
  function check(items: readonly ReEncryptItem[], results: readonly (ReEncrypted | Fault)[]): void {
    checkBound(keyService, items, results);
  }

  function answer(question: Question, outcome: CiphertextOutcome): void {
    const { same, sharingKey } = question;
    if (sharingKey !== null) shared.keep(sharingKey, outcome);
    tell(question, outcome);
    if (same !== null) for (const other of same) tell(other, outcome);
  }

  /** Tries key after key, until each question of the call has an answer. */
  async function ask(questions: readonly Question[], lane: Lane): Promise<void> {
    let open = questions;
    for (let keyPlace = 0; open.length > 0; keyPlace += 1) {
      const sent: Question[] = [];
      const items: ReEncryptItem[] = [];
      const refused: Question[] = [];
      for (const question of open) {
        const item = requestWith(question, keyPlace);
        if (item === undefined) answer(question, question.refusal ?? noKey());
        else if (item instanceof Fault) refused.push(refuse(question, item, 0));
        else {
          sent.push(question);
          items.push(item);
        }
      }
      const outcomes = items.length === 0 ? [] : await callPatiently(deps, callFor(items), lane);
      for (const [index, outcome] of outcomes.entries()) {
        const question = sent[index];
        const item = items[index];
        if (question === undefined || item === undefined) continue;
        if (outcome.kind === 'reply') answer(question, judgeReply(item, outcome.reply));
        else refused.push(refuse(question, outcome.fault, outcome.calls));
      }
      open = refused;
    }
  }

  const questions = collectQuestions(goal, records, aadIsOwn);
  if (questions.shared > 0) shared.saved('batch', questions.shared);
  const open = questions.asked.filter((question) => {
    const known = question.sharingKey === null ? null : shared.recall(question.sharingKey);
    if (known === null) return true;
    shared.saved('cache', 1);
    answer(question, known);
    return false;
  });
  return untilFirstFault(inCalls(open, keyService.itemsPerCall), deps, ask, signal);
}

/** So many questions a call; a call's list is made as it begins, and gone as it ends. */
function inCalls(questions: readonly Question[], itemsPerCall: number): Listed<readonly Question[]> {
  return {
    length: Math.ceil(questions.length / itemsPerCall),
    at: (call) =>
      call * itemsPerCall < questions.length
        ? questions.slice(call * itemsPerCall, (call + 1) * itemsPerCall)
        : undefined,
  };
}

/** The first refusal stands, with the calls of all. */
function refuse(question: Question, fault: Fault, calls: number): Question {
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
