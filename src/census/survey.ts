import type { CiphertextOutcome } from '../rotation/calls/ciphertext-outcome.ts';
import { reEncryptRecords, type ReEncryptDeps } from '../rotation/calls/re-encrypt-records.ts';
import { asFault, Fault } from '../rotation/faults.ts';
import type { Format } from '../rotation/formats/format.ts';
import { withoutAad, type Goal } from '../rotation/goal.ts';
import { isOnPinOffline } from '../rotation/offline-version.ts';
import { openRecord, type OpenRecord } from '../rotation/open-record.ts';
import { patiently, type Patience } from '../rotation/patience.ts';
import type { SurveyedRecord } from '../rotation/plan.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref, StoredRecord } from '../rotation/record.ts';
import { nameSource } from './name-source.ts';

export interface SurveyDeps {
  readonly store: RecordStore;
  readonly format: Format;
  readonly goal: Goal;
  readonly calls: ReEncryptDeps;
  /** Each envelope will get a new data key: two calls, and none of them shared. */
  readonly regenerates: boolean;
  readonly pageSize: number;
  readonly patience: Patience;
}

/**
 * Looks at records as the rotation would, and writes nothing: what shows offline that it is under the pin is
 * done; about the others the KMS is asked to re-encrypt, and the result is thrown away. Records that are gone
 * by now are left out; what is answered first comes first. Throws the fault that would stop the rotation, too.
 */
export async function surveyRecords(deps: SurveyDeps, refs: readonly Ref[]): Promise<SurveyedRecord[]> {
  const surveyed: SurveyedRecord[] = [];
  for (let start = 0; start < refs.length; start += deps.pageSize) {
    const page = refs.slice(start, start + deps.pageSize);
    const records = await patiently(deps.patience, () => deps.store.read(page));
    surveyed.push(...(await surveyPage(deps, records)));
  }
  return surveyed;
}

async function surveyPage(deps: SurveyDeps, records: readonly StoredRecord[]): Promise<SurveyedRecord[]> {
  const { calls, goal, patience } = deps;
  const surveyed: SurveyedRecord[] = [];
  const toAsk: OpenRecord[] = [];
  for (const record of records) {
    const found = surveyOffline(deps, record);
    if ('opened' in found) toAsk.push(found);
    else surveyed.push(found);
  }
  const stoppedBy = await reEncryptRecords(
    calls,
    goal,
    toAsk,
    (open, outcomes) => surveyed.push(judge(deps, open, outcomes)),
    patience.signal,
  );
  if (patience.signal.aborted) throw new Fault('transient', 'ABORTED', 'the plan was stopped before its end');
  if (stoppedBy !== null) throw stoppedBy;
  return surveyed;
}

/** What can be told without a call; else the record, opened. */
function surveyOffline(
  { calls, format, goal }: SurveyDeps,
  record: StoredRecord,
): SurveyedRecord | OpenRecord {
  try {
    const open = openRecord(format, record);
    if (!isOnPinOffline(goal, open.opened, record.keyVersion, calls.keyService)) return open;
    return {
      ...costOf(open, goal, calls, 0),
      ref: record.ref,
      kind: 'done',
      versionId: goal.versionId,
    };
  } catch (error) {
    return {
      ref: record.ref,
      kind: 'failing',
      fault: asFault(error),
      items: 0,
      itemsToVerify: 0,
      itemsToCheck: 0,
      offline: false,
    };
  }
}

function judge(deps: SurveyDeps, open: OpenRecord, outcomes: readonly CiphertextOutcome[]): SurveyedRecord {
  const { calls, goal, regenerates } = deps;
  const { ref } = open.record;
  // The key that opens what is done, or nothing, is the last one that is tried.
  const tries = (open.opened.aad === 'none' ? withoutAad(goal) : goal).keysToTry.length;
  const callsToOpen = outcomes.map(({ kind }) => (kind === 'onPin' || kind === 'refused' ? tries : 1));
  const isDone = outcomes.every(({ kind }) => kind === 'onPin');
  const refusal = outcomes.find((outcome) => outcome.kind === 'refused');
  const toSeal = regenerates && !isDone && refusal === undefined ? outcomes.length : 0;
  const cost = costOf(
    open,
    goal,
    calls,
    callsToOpen.reduce((sum, each) => sum + each, toSeal),
  );
  if (refusal !== undefined) return { ...cost, ref, kind: 'failing', fault: refusal.fault };
  if (isDone) return { ...cost, ref, kind: 'done', versionId: goal.versionId };
  const isLagging = outcomes.some(({ kind }) => kind === 'lagging');
  const itemsToCheck = open.opened.ciphertexts.length;
  const versionId = versionOf(outcomes, goal);
  return { ...cost, itemsToCheck, ref, kind: isLagging ? 'lagging' : 'open', versionId };
}

/** Of several ciphertexts the first that is not under the pin. */
function versionOf(outcomes: readonly CiphertextOutcome[], goal: Goal): string {
  const stale = outcomes.find((outcome) => outcome.kind === 'rewrapped' || outcome.kind === 'lagging');
  return stale === undefined ? goal.versionId : nameSource(stale.sourceVersionId, goal);
}

/** `offline`: a census reads the version from the headers, where AAD does not change, and asks nobody. */
function costOf({ opened }: OpenRecord, goal: Goal, { keyService }: ReEncryptDeps, items: number) {
  const { ciphertexts, aad } = opened;
  const offline =
    (goal.keepsAad || aad === 'none') &&
    ciphertexts.every((ciphertext) => keyService.readVersion(ciphertext) !== null);
  return { items, offline, itemsToVerify: offline ? 0 : ciphertexts.length, itemsToCheck: 0 };
}
