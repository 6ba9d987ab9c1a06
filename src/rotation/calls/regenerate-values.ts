import { asFault, Fault } from '../faults.ts';
import type { Envelope } from '../formats/format.ts';
import type { Goal, KeyUse } from '../goal.ts';
import type { OpenRecord } from '../open-record.ts';
import { resealPayload, type PayloadKey } from '../payload.ts';
import type { DataKeyService, DataKeySpec } from '../ports/data-key-service.ts';
import type { StoredRecord } from '../record.ts';
import { notCaughtUp } from './ciphertext-outcome.ts';
import type { Lane } from './lanes.ts';
import { callForOne, type CallDeps } from './patient-call.ts';
import type { RenewValues, ValueOutcome } from './renewal.ts';
import { untilFirstFault } from './until-first-fault.ts';

export interface RegenerateDeps extends CallDeps {
  readonly dataKeys: DataKeyService;
  readonly dataKeySpec: DataKeySpec;
}

/** What a payload is opened with, and the version that its key was wrapped under. */
interface Opener extends PayloadKey {
  readonly versionId: string;
}

/**
 * Renews envelopes by a data key of their own each, made anew: the old one is decrypted by the KMS, and the
 * payload comes out of it and into the new one in this process. What is in the clear is filled with zeros as
 * soon as it has served; copies that the runtime made on the way (a reply's JSON text) are out of reach.
 */
export function createRegenerateValues(deps: RegenerateDeps): RenewValues {
  return (goal, records, onOutcome, signal) =>
    untilFirstFault(
      records,
      deps,
      async (open, lane) => onOutcome(open, await regenerate(deps, goal, open, lane)),
      signal,
    );
}

async function regenerate(
  deps: RegenerateDeps,
  goal: Goal,
  { record, opened }: OpenRecord,
  lane: Lane,
): Promise<ValueOutcome> {
  const [wrapped] = opened.ciphertexts;
  if (opened.envelope === null || wrapped === undefined) return refused(noEnvelope(), 0);
  let refusal: Fault | null = null;
  let calls = 0;
  for (const from of goal.keysToTry) {
    const aad = renderAad(from, record);
    if (aad instanceof Fault) {
      refusal ??= aad;
      continue;
    }
    const item = { keyId: from.keyId, aad, ciphertext: wrapped };
    const outcome = await callForOne(
      deps,
      targetOf(goal),
      () => deps.dataKeys.decrypt(item, lane.signal),
      lane,
    );
    calls += outcome.calls;
    if (outcome.kind === 'refused') {
      refusal ??= outcome.fault;
      continue;
    }
    const { keyId, versionId, plaintext } = outcome.reply;
    try {
      if (from === goal.target && keyId === goal.target.keyId && versionId === goal.versionId)
        return { kind: 'onPin' };
      const opener = { dataKey: plaintext, versionId, aad };
      return await sealAnew(deps, goal, record, opened.envelope, opener, calls, lane);
    } finally {
      plaintext.fill(0);
    }
  }
  return refused(refusal ?? new Fault('record', 'NO_KEY', 'no key to try'), calls);
}

/** The new key is here before the payload is opened, so that its plaintext lives for one synchronous step. */
async function sealAnew(
  deps: RegenerateDeps,
  goal: Goal,
  record: StoredRecord,
  envelope: Envelope,
  from: Opener,
  callsBefore: number,
  lane: Lane,
): Promise<ValueOutcome> {
  const aad = renderAad(goal.target, record);
  if (aad instanceof Fault) return refused(aad, callsBefore);
  const target = targetOf(goal);
  const item = { ...target, aad, dataKeySpec: deps.dataKeySpec };
  const outcome = await callForOne(
    deps,
    target,
    () => deps.dataKeys.generateDataKey(item, lane.signal),
    lane,
  );
  const calls = callsBefore + outcome.calls;
  if (outcome.kind === 'refused') return refused(outcome.fault, calls);
  const { keyId, versionId, plaintext, ciphertext } = outcome.reply;
  try {
    if (keyId !== target.keyId || versionId !== target.versionId || ciphertext.length === 0)
      return { kind: 'lagging', fault: notCaughtUp(target) };
    const sealed = resealPayload(envelope, from, { dataKey: plaintext, aad });
    const newValue = envelope.sealWith(ciphertext, sealed.iv, sealed.payload);
    return { kind: 'renewed', newValue, sourceVersionId: from.versionId };
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'record') throw fault;
    return refused(fault, calls);
  } finally {
    plaintext.fill(0);
  }
}

function targetOf({ target, versionId }: Goal): { keyId: string; versionId: string } {
  return { keyId: target.keyId, versionId };
}

function refused(fault: Fault, calls: number): ValueOutcome {
  return { kind: 'refused', fault, calls };
}

function renderAad(use: KeyUse, record: StoredRecord): Uint8Array | Fault {
  try {
    return use.aad.render(record.fields);
  } catch (error) {
    return asFault(error);
  }
}

function noEnvelope(): Fault {
  return new Fault(
    'record',
    'BAD_FORMAT',
    'the stored value is no envelope whose data key can be replaced; mend or exclude the record',
  );
}
