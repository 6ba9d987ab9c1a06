import type { KeyturnConfig } from '../config/keyturn-config.ts';
import { parseAadTemplate } from '../rotation/aad-template.ts';
import { createCallHealth } from '../rotation/calls/call-health.ts';
import { createLanes } from '../rotation/calls/lanes.ts';
import { createPacer } from '../rotation/calls/pacer.ts';
import type { ReEncryptDeps } from '../rotation/calls/re-encrypt-records.ts';
import { createSharedResults, type SharedResults } from '../rotation/calls/shared-results.ts';
import type { Fault } from '../rotation/faults.ts';
import { createGoal, type Goal } from '../rotation/goal.ts';
import { patiently, type Patience } from '../rotation/patience.ts';
import type { KeyService } from '../rotation/ports/key-service.ts';
import type { Pin } from '../rotation/ports/ledger.ts';
import type { Pace } from '../rotation/ports/pace.ts';

export interface CallsObserver {
  readonly waited: (seconds: number) => void;
  readonly saved: SharedResults['saved'];
  readonly fault: (fault: Fault) => void;
}

/** Everything that calls of the KMS go through, as the config sets it. */
export function openCalls(
  { limits, retry, source, store }: KeyturnConfig,
  keyService: KeyService,
  pace: Pick<Pace, 'take' | 'penalize'>,
  observer: CallsObserver,
): ReEncryptDeps {
  const sourceFields = parseAadTemplate(source.aadContext ?? '').fields;
  return {
    keyService,
    pacer: createPacer(pace, observer),
    health: createCallHealth(),
    lanes: createLanes(limits.concurrency),
    retry,
    rateUnit: limits.rateUnit,
    shared: createSharedResults(observer.saved),
    aadIsOwn: store.type === 'postgres' && store.key.every((column) => sourceFields.includes(column)),
    onFault: observer.fault,
  };
}

/** How a record comes from the config's source under a pin of its target. */
export function goalOf({ source, target }: KeyturnConfig): (pin: Pin) => Goal {
  const from = { keyId: source.keyId, aad: parseAadTemplate(source.aadContext ?? '') };
  const to = { keyId: target.keyId, aad: parseAadTemplate(target.aadContext ?? '') };
  return ({ versionId }) => createGoal(from, to, versionId);
}

export interface ChosenPin {
  readonly pin: Pin;
  /** The KMS encrypts under the pin now. */
  readonly inUse: boolean;
}

/**
 * The version to end on: as the config says, else the primary that the KMS names now. With a version given, it
 * is told at once if there is no such one, rather than at the first record, and a key service learns how its
 * ciphertexts tell their version.
 */
export async function choosePin(
  { target: { keyId, versionId } }: KeyturnConfig,
  { keyService, pacer }: ReEncryptDeps,
  patience: Patience,
): Promise<ChosenPin> {
  const used = await patiently(patience, async () => {
    await pacer.slot(patience.signal);
    return keyService.currentVersion(keyId, versionId ?? undefined);
  });
  const pin = { keyId, versionId: versionId ?? used };
  return { pin, inUse: used === pin.versionId };
}
