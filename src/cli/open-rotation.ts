import pLimit from 'p-limit';
import { planDigest, planParts } from '../config/plan-digest.ts';
import type { KeyturnConfig } from '../config/keyturn-config.ts';
import { parseAadTemplate } from '../rotation/aad-template.ts';
import { createCallHealth } from '../rotation/calls/call-health.ts';
import { createPacer } from '../rotation/calls/pacer.ts';
import type { ReEncryptDeps } from '../rotation/calls/re-encrypt-all.ts';
import { createRegenerateValues } from '../rotation/calls/regenerate-values.ts';
import type { RenewValues } from '../rotation/calls/renewal.ts';
import { createRewrapValues } from '../rotation/calls/rewrap-values.ts';
import { createSharedResults } from '../rotation/calls/shared-results.ts';
import { Fault } from '../rotation/faults.ts';
import { createFormat } from '../rotation/formats/create-format.ts';
import type { Format } from '../rotation/formats/format.ts';
import { createGoal, type Goal } from '../rotation/goal.ts';
import { patiently } from '../rotation/patience.ts';
import type { PlanParts } from '../rotation/plan-parts.ts';
import type { DataKeyService } from '../rotation/ports/data-key-service.ts';
import type { KeyService } from '../rotation/ports/key-service.ts';
import type { LedgerSnapshot, Pin } from '../rotation/ports/ledger.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Log } from '../telemetry/log.ts';
import { measureStore } from '../telemetry/measured-store.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { openBroker, type OpenBroker } from './open-broker.ts';
import { openKeyService } from './open-key-service.ts';
import { openLog } from './open-log.ts';
import { openStore, type StoreUse } from './open-store.ts';
import { toolVersion } from './tool-version.ts';

/** How long the first call of the KMS is tried, before the command gives up. */
const pinPatienceMs = 10_000;

/** All parts of one rotation, as the config names them, wired together. */
export interface OpenRotation {
  readonly config: KeyturnConfig;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly broker: OpenBroker;
  readonly store: RecordStore;
  readonly format: Format;
  readonly calls: ReEncryptDeps;
  readonly planDigest: string;
  readonly planParts: PlanParts;
  readonly tool: string;
  goalFor(pin: Pin): Goal;
  /**
   * How values are brought under the pin, as the config's mode says. Faults that pass are told to `onFault`.
   */
  renewValues(onFault: (fault: Fault) => void): RenewValues;
  /** The version to end on: as the config says, else the primary that the KMS names now. */
  choosePin(signal: AbortSignal): Promise<Pin>;
  close(): Promise<void>;
}

/** Opens a store on another database than the config's URL names; for the demo. */
export type OpenStore = (config: KeyturnConfig, use: StoreUse, broker: OpenBroker) => Promise<RecordStore>;

export async function openRotation(
  config: KeyturnConfig,
  use: StoreUse,
  openStoreOf: OpenStore = openStore,
): Promise<OpenRotation> {
  const log = openLog(config);
  const metrics = createMetrics(config.rotation, config.kms.provider, toolVersion());
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.toReversed()) await end();
  };

  try {
    const broker = await openBroker(config, log.fault);
    closers.push(broker.close);
    const { keyService, dataKeys } = await openKeyService(config, metrics.kmsCalled);
    closers.push(keyService.close);
    const store = await openStoreOf(config, use, broker);
    closers.push(store.close);
    return wireRotation(config, { log, metrics, broker, keyService, dataKeys, store, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a rotation is made of, opened. */
export interface RotationParts extends Pick<OpenRotation, 'log' | 'metrics' | 'broker' | 'store' | 'close'> {
  readonly keyService: KeyService;
  /** Null where the KMS gives out none. */
  readonly dataKeys: DataKeyService | null;
}

/** Wires the parts of a rotation as its config says. */
export function wireRotation(config: KeyturnConfig, parts: RotationParts): OpenRotation {
  const { broker, close, dataKeys, keyService, log, metrics, store } = parts;
  const sourceAad = parseAadTemplate(config.source.aadContext ?? '');
  const targetAad = parseAadTemplate(config.target.aadContext ?? '');
  const pacer = createPacer(broker.pace, { waited: metrics.paceWaited, fault: log.fault });
  const calls: ReEncryptDeps = {
    keyService,
    pacer,
    health: createCallHealth(),
    limit: pLimit(config.limits.concurrency),
    retry: config.retry,
    rateUnit: config.limits.rateUnit,
    shared: createSharedResults(metrics.kmsCallsSaved),
    onFault: log.fault,
  };
  return {
    config,
    log,
    metrics,
    broker,
    store: measureStore(store, metrics.storeUsed),
    format: createFormat(config.format),
    calls,
    planDigest: planDigest(config),
    planParts: planParts(config),
    tool: `keyturn ${toolVersion()}`,
    goalFor: (pin) =>
      createGoal(
        { keyId: config.source.keyId, aad: sourceAad },
        { keyId: config.target.keyId, aad: targetAad },
        pin.versionId,
      ),
    renewValues(onFault) {
      const deps = { ...calls, onFault };
      if (config.mode.kind === 'rewrap') return createRewrapValues(deps);
      if (dataKeys === null) throw noDataKeys(config);
      return createRegenerateValues({ ...deps, dataKeys, dataKeySpec: config.mode.dataKeySpec });
    },
    async choosePin(signal) {
      const { keyId, versionId } = config.target;
      // With a version given, it is told at once if there is no such one, rather than at the first record.
      const used = await patiently({ signal, patienceMs: pinPatienceMs, onFault: log.fault }, async () => {
        await pacer.slot(signal);
        return keyService.currentVersion(keyId, versionId ?? undefined);
      });
      return { keyId, versionId: versionId ?? used };
    },
    close,
  };
}

function noDataKeys({ kms }: KeyturnConfig): Fault {
  return new Fault('usage', 'NO_DATA_KEYS', `${kms.provider} gives out no data keys; use mode: rewrap`);
}

/** The pin of the pass under way. */
export function pinOf(snapshot: LedgerSnapshot): Pin {
  if (snapshot.pin !== null) return snapshot.pin;
  throw new Fault('transient', 'LEDGER_LOST', "the broker has lost the rotation's ledger; run again", {
    peer: 'broker',
  });
}
