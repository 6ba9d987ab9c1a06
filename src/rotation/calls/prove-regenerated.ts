import { asFault, Fault } from '../faults.ts';
import type { Goal } from '../goal.ts';
import type { OpenRecord } from '../open-record.ts';
import { openPayload } from '../payload.ts';
import type { Lane } from './lanes.ts';
import { callForOne } from './patient-call.ts';
import { judgeRefusal, type ProveReadable, type Readability } from './readability.ts';
import type { RegenerateDeps } from './regenerate-values.ts';
import { untilFirstFault } from './until-first-fault.ts';

/**
 * Proves that envelopes can be opened as an application does it: the KMS decrypts the data key, and the
 * payload opens under it. What is in the clear is filled with zeros at once.
 */
export function createProveRegenerated(
  deps: Pick<RegenerateDeps, 'dataKeys'> & Parameters<typeof callForOne>[0],
): ProveReadable {
  return (goal, records, onProof, signal) =>
    untilFirstFault(
      records,
      deps,
      async (open, lane) => onProof(open, await prove(deps, goal, open, lane)),
      signal,
    );
}

async function prove(
  deps: Parameters<typeof createProveRegenerated>[0],
  { target, versionId }: Goal,
  { record, opened }: OpenRecord,
  lane: Lane,
): Promise<Readability> {
  try {
    const [ciphertext] = opened.ciphertexts;
    const { envelope } = opened;
    if (ciphertext === undefined || envelope === null) throw noEnvelope();
    const aad = target.aad.render(record.fields);
    const item = { keyId: target.keyId, aad, ciphertext };
    const decrypt = () => deps.dataKeys.decrypt(item, lane.signal);
    const outcome = await callForOne(deps, { keyId: target.keyId, versionId }, decrypt, lane);
    if (outcome.kind === 'refused') return judgeRefusal(outcome);
    const { plaintext } = outcome.reply;
    try {
      openPayload(envelope, { dataKey: plaintext, aad }).fill(0);
      return { kind: 'readable' };
    } finally {
      plaintext.fill(0);
    }
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'record') throw fault;
    return { kind: 'unreadable', fault };
  }
}

function noEnvelope(): Fault {
  return new Fault('record', 'BAD_FORMAT', 'the stored value is no envelope');
}
