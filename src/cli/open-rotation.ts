import { planDigest, planParts } from '../config/plan-digest.ts';
import type { KeyturnConfig } from '../config/keyturn-config.ts';
import type { ReEncryptDeps } from '../rotation/calls/re-encrypt-records.ts';
import { createProveRegenerated } from '../rotation/calls/prove-regenerated.ts';
import { createProveRewrapped } from '../rotation/calls/prove-rewrapped.ts';
import type { ProveReadable } from '../rotation/calls/readability.ts';
import { createRegenerateValues } from '../rotation/calls/regenerate-values.ts';
import type { RenewValues } from '../rotation/calls/renewal.ts';
import { createRewrapValues } from '../rotation/calls/rewrap-values.ts';
import { Fault } from '../rotation/faults.ts';
import { createFormat } from '../rotation/formats/create-format.ts';
import type { Format } from '../rotation/formats/format.ts';
import type { Goal } from '../rotation/goal.ts';
import type { PlanParts } from '../rotation/plan-parts.ts';
import type { DataKeyService } from '../rotation/ports/data-key-service.ts';
import type { KeyService } from '../rotation/ports/key-service.ts';
import type { LedgerSnapshot, Pin } from '../rotation/ports/ledger.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Log } from '../telemetry/log.ts';
import { measureStore } from '../telemetry/measured-store.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import type { Traces } from '../telemetry/traces.ts';
import { openBroker, type OpenBroker } from './open-broker.ts';
import { choosePin, goalOf, openCalls } from './open-calls.ts';
import { openKeyService } from './open-key-service.ts';
import { openLog } from './open-log.ts';
import { openStore, type StoreUse } from './open-store.ts';
import { openTraces } from './open-traces.ts';
import { toolVersion } from './tool-version.ts';

/** How long the first call of the KMS is tried, before the command gives up. */
const pinPatienceMs = 10_000;

/** What is done to values by the config's mode. */
export interface ValueHandling {
  /** Brings them under the pin. */
  readonly renewValues: RenewValues;
  /** Shows that what was written can be opened. */
  readonly proveReadable: ProveReadable;
}

/** All parts of one rotation, as the config names them, wired together. */
export interface OpenRotation {
  readonly config: KeyturnConfig;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Null where nobody asks for them. */
  readonly traces: Traces | null;
  readonly broker: OpenBroker;
  readonly store: RecordStore;
  readonly format: Format;
  readonly calls: ReEncryptDeps;
  readonly planDigest: string;
  readonly planParts: PlanParts;
  readonly tool: string;
  goalFor(pin: Pin): Goal;
  /** How the config's mode handles values. Faults that pass are told to `onFault`. */
  handleValues(onFault: (fault: Fault) => void): ValueHandling;
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
    const traces = await openTraces(config, process.env, log.fault);
    if (traces !== null) closers.push(traces.close);
    const broker = await openBroker(config, log.fault, traces?.queue);
    closers.push(broker.close);
    const { keyService, dataKeys } = await openKeyService(config, (method) => {
      if (traces === null) return metrics.kmsCalled;
      const traced = traces.kmsCall(method);
      return (code, seconds) => {
        metrics.kmsCalled(code, seconds);
        traced(code, seconds);
      };
    });
    closers.push(keyService.close);
    const store = await openStoreOf(config, use, broker);
    closers.push(store.close);
    return wireRotation(config, { log, metrics, traces, broker, keyService, dataKeys, store, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a rotation is made of, opened. */
export interface RotationParts extends Pick<
  OpenRotation,
  'log' | 'metrics' | 'traces' | 'broker' | 'store' | 'close'
> {
  readonly keyService: KeyService;
  /** Null where the KMS gives out none. */
  readonly dataKeys: DataKeyService | null;
}

/** Wires the parts of a rotation as its config says. */
export function wireRotation(config: KeyturnConfig, parts: RotationParts): OpenRotation {
  const { broker, close, dataKeys, keyService, log, metrics, store, traces } = parts;
  const calls = openCalls(config, keyService, broker.pace, {
    waited: metrics.paceWaited,
    saved: metrics.kmsCallsSaved,
    fault: log.fault,
  });
  return {
    config,
    log,
    metrics,
    traces,
    broker,
    store: measureStore(store, (op, seconds) => {
      metrics.storeUsed(op, seconds);
      traces?.storeUsed(op, seconds);
    }),
    format: createFormat(config.format),
    calls,
    planDigest: planDigest(config),
    planParts: planParts(config),
    tool: `keyturn ${toolVersion()}`,
    goalFor: goalOf(config),
    handleValues(onFault) {
      const deps = { ...calls, onFault };
      if (config.mode.kind === 'rewrap')
        return { renewValues: createRewrapValues(deps), proveReadable: createProveRewrapped(deps) };
      if (dataKeys === null) throw noDataKeys(config);
      const { dataKeySpec } = config.mode;
      return {
        renewValues: createRegenerateValues({ ...deps, dataKeys, dataKeySpec }),
        proveReadable: createProveRegenerated({ ...deps, dataKeys }),
      };
    },
    async choosePin(signal) {
      const patience = { signal, patienceMs: pinPatienceMs, onFault: log.fault };
      return (await choosePin(config, calls, patience)).pin;
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
