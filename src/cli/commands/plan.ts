import { sampleRecords } from '../../census/sample-records.ts';
import { surveyRecords } from '../../census/survey.ts';
import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { createLocalPace } from '../../rotation/calls/local-pace.ts';
import { createFormat } from '../../rotation/formats/create-format.ts';
import { patiently, type Patience } from '../../rotation/patience.ts';
import { estimatePlan } from '../../rotation/plan.ts';
import type { KeyService } from '../../rotation/ports/key-service.ts';
import type { RecordStore } from '../../rotation/ports/record-store.ts';
import { reportPlan } from '../../rotation/plan-report.ts';
import { describePlan } from '../describe-plan.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { choosePin, goalOf, openCalls } from '../open-calls.ts';
import { openKeyService } from '../open-key-service.ts';
import { openLog } from '../open-log.ts';
import { openStore } from '../open-store.ts';
import type { Output } from '../output.ts';
import { planWarnings } from '../plan-warnings.ts';

/** How long store and KMS are tried, before the command gives up. */
const patienceMs = 10_000;

interface Peers {
  readonly keyService: KeyService;
  readonly store: RecordStore;
  readonly patience: Patience;
  /** Seconds of each KMS call that was answered. */
  readonly callSeconds: readonly number[];
}

/**
 * Tells what the rotation will take, from a random sample; exit 1 if records of it would fail. Writes nothing
 * and needs no broker, so that its own calls keep to the configured rate by themselves, beside those of
 * workers.
 */
export async function plan(
  config: KeyturnConfig,
  flags: { sample: number },
  output: Output,
): Promise<number> {
  const { signal } = listenForInterrupt();
  const patience = { signal, patienceMs, onFault: openLog(config).fault };
  const callSeconds: number[] = [];
  const { keyService } = await openKeyService(config, () => (code, seconds) => {
    if (code === 'OK') callSeconds.push(seconds);
  });
  try {
    const store = await openStore(config, 'readOnly');
    try {
      return await planWith({ keyService, store, patience, callSeconds }, config, flags, output);
    } finally {
      await store.close();
    }
  } finally {
    await keyService.close();
  }
}

async function planWith(
  { keyService, store, patience, callSeconds }: Peers,
  config: KeyturnConfig,
  flags: { sample: number },
  output: Output,
): Promise<number> {
  const { limits } = config;
  let itemsSaved = 0;
  const calls = openCalls(config, keyService, createLocalPace(limits.rate), {
    waited: () => undefined,
    saved: (_, items) => (itemsSaved += items),
    fault: patience.onFault,
  });
  const { pin, inUse } = await choosePin(config, calls, patience);

  const counted = await patiently(patience, () => store.count());
  const { refs, among } = await sampleRecords(store, flags.sample, patience);
  const regenerates = config.mode.kind === 'regenerate';
  const sample = await surveyRecords(
    {
      store,
      calls,
      goal: goalOf(config)(pin),
      patience,
      regenerates,
      format: createFormat(config.format),
      pageSize: limits.batchSize,
    },
    refs,
  );
  const estimate = estimatePlan({
    ...counted,
    ...limits,
    sample,
    checkedShare: config.verifyWrites,
    itemsSaved: regenerates ? 0 : itemsSaved,
    // In the other mode each call is about one envelope.
    itemsPerCall: regenerates ? 1 : keyService.itemsPerCall,
  });
  const warnings = planWarnings({
    config,
    ...counted,
    sample,
    wanted: flags.sample,
    among,
    usesPin: inUse,
    callSeconds,
    caveats: store.caveats,
    estimate,
  });
  const report = reportPlan({ config, counted, target: pin, sample, among, estimate, warnings });
  output.result(report, () => describePlan(report));
  return report.sample.unreadable === 0 ? exitCode.done : exitCode.notDone;
}
