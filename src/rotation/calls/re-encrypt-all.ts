import { eitherSignal } from '../either-signal.ts';
import { asFault, Fault } from '../faults.ts';
import { isOnPin, requestFor, wasOnPin, withoutAad, type Goal, type KeyUse } from '../goal.ts';
import type { ReEncrypted, ReEncryptItem } from '../ports/key-service.ts';
import type { StoredRecord } from '../record.ts';
import { callPatiently, type CallDeps } from './patient-call.ts';
import { sharingKey, type SharedResults } from './shared-results.ts';

/** One ciphertext of a record, to be brought under the pin. */
export interface Wanted {
  readonly record: StoredRecord;
  readonly ciphertext: Uint8Array;
  /** As its format says (`Opened.aad`). */
  readonly aad: 'template' | 'none';
}

/**
 * What the KMS said of one ciphertext.
 * - `onPin`: it lies under the pin already.
 * - `rewrapped`: here it is under the pin; before, it lay under `sourceVersionId`.
 * - `lagging`: the KMS used another version than the pin; it has not caught up.
 * - `refused`: no key opens it, or it failed too often while others did not.
 */
export type CiphertextOutcome =
  | { readonly kind: 'onPin' }
  | { readonly kind: 'rewrapped'; readonly ciphertext: Uint8Array; readonly sourceVersionId: string }
  | { readonly kind: 'lagging'; readonly fault: Fault; readonly sourceVersionId: string }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly calls: number };

export interface ReEncryptDeps extends CallDeps {
  readonly shared: SharedResults;
  /** Told of ciphertexts that needed no call, as another record of the batch, or one before, has the same. */
  readonly onSaved: (by: 'batch' | 'cache', ciphertexts: number) => void;
}

/** One request to the KMS, and all who wait for its answer. */
interface Question {
  /** The request with each of the goal's keys to try; a fault where a template cannot be filled in. */
  readonly tries: readonly (ReEncryptItem | Fault)[];
  readonly askers: Wanted[];
  calls: number;
  refusal: Fault | null;
}

/**
 * Asks the KMS to bring ciphertexts under the pin, each with the first key that opens it, as many in a call as it
 * takes; equal ones are asked for once. Tells each outcome as it comes; one that all keys refuse has the first
 * refusal as its fault. A fault that holds for all, thrown by the KMS or by `onOutcome`, stops the rest and is
 * returned. Never throws.
 */
export async function reEncryptAll(
  deps: ReEncryptDeps,
  goal: Goal,
  wanted: readonly Wanted[],
  onOutcome: (wanted: Wanted, outcome: CiphertextOutcome) => void,
  signal: AbortSignal,
): Promise<Fault | null> {
  const halt = new AbortController();
  const either = eitherSignal(signal, halt.signal);
  let stoppedBy: Fault | null = null;

  function answer({ askers }: Question, outcome: CiphertextOutcome): void {
    for (const asker of askers) onOutcome(asker, outcome);
  }

  async function ask(questions: readonly Question[]): Promise<void> {
    let open = questions;
    for (let place = 0; open.length > 0 && place < goal.keysToTry.length; place += 1) {
      const sent = open.flatMap((question) => {
        const item = question.tries[place];
        if (item instanceof Fault) question.refusal ??= item;
        return item === undefined || item instanceof Fault ? [] : [{ question, item }];
      });
      if (sent.length === 0) continue;
      const outcomes = await callPatiently(
        deps,
        sent.map(({ item }) => item),
        either,
      );
      const answered = new Set<Question>();
      for (const [index, { question, item }] of sent.entries()) {
        const outcome = outcomes[index];
        if (outcome === undefined) continue;
        question.calls += outcome.calls;
        if (outcome.kind === 'refused') question.refusal ??= outcome.fault;
        else {
          answered.add(question);
          answer(question, share(deps.shared, item, judge(item, outcome.reply)));
        }
      }
      open = open.filter((question) => !answered.has(question));
    }
    for (const question of open) {
      const fault = question.refusal ?? new Fault('record', 'NO_KEY', 'no key to try');
      answer(question, { kind: 'refused', fault, calls: question.calls });
    }
  }

  async function askOrHalt(questions: readonly Question[]): Promise<void> {
    try {
      await ask(questions);
    } catch (error) {
      // What comes after the first fault is only its echo.
      if (!either.aborted) stoppedBy ??= asFault(error);
      halt.abort();
    }
  }

  const questions = collectQuestions(deps, goal, wanted, onOutcome);
  const calls: Promise<void>[] = [];
  for (let start = 0; start < questions.length; start += deps.keyService.itemsPerCall)
    calls.push(askOrHalt(questions.slice(start, start + deps.keyService.itemsPerCall)));
  await Promise.all(calls);
  return stoppedBy;
}

/** One question for all that are equal; those that the cache knows are answered at once. */
function collectQuestions(
  deps: ReEncryptDeps,
  goal: Goal,
  wanted: readonly Wanted[],
  onOutcome: (wanted: Wanted, outcome: CiphertextOutcome) => void,
): Question[] {
  const bare = withoutAad(goal);
  const byKey = new Map<string, Question>();
  const questions: Question[] = [];
  const saved = { batch: 0, cache: 0 };
  for (const each of wanted) {
    const { keysToTry } = each.aad === 'none' ? bare : goal;
    const tries = keysToTry.map((from) => renderRequest(each.aad === 'none' ? bare : goal, from, each));
    const keys = tries.map((item) => (item instanceof Fault ? null : sharingKey(item)));
    const key = keys.includes(null) ? null : keys.join('\0');
    const known = key === null ? undefined : byKey.get(key);
    if (known !== undefined) {
      known.askers.push(each);
      saved.batch += 1;
      continue;
    }
    const cached = keys.map((each) => (each === null ? undefined : deps.shared.get(each))).find(Boolean);
    if (cached !== undefined) {
      onOutcome(each, toOutcome(cached));
      saved.cache += 1;
      continue;
    }
    const question: Question = { tries, askers: [each], calls: 0, refusal: null };
    questions.push(question);
    if (key !== null) byKey.set(key, question);
  }
  return questions;
}
