import type { KeyturnConfig } from '../config/keyturn-config.ts';
import type { PlanEstimate, SurveyedRecord } from '../rotation/plan.ts';
import { describeDuration } from './duration.ts';
import { describeCount } from './describe-count.ts';

/** From this share on, a plan asks whether there is anything to do. */
const nearlyAll = 0.95;
/** Yandex: "IAM tokens live at most 12 hours"; a little less, as it is not new. */
const tokenLifeSeconds = 11 * 3600;
/** So few calls tell no latency. */
const fewCalls = 20;

export interface PlanFindings {
  readonly config: KeyturnConfig;
  readonly records: number;
  readonly exact: boolean;
  readonly sample: readonly SurveyedRecord[];
  /** Records that were asked for. */
  readonly wanted: number;
  readonly among: number | null;
  /** The KMS encrypts under the target version now. */
  readonly usesPin: boolean;
  readonly callSeconds: readonly number[];
  /** As the store says (`RecordStore.caveats`). */
  readonly caveats: readonly string[];
  readonly estimate: PlanEstimate;
}

/** What a person should know before the rotation begins, in sentences. */
export function planWarnings(findings: PlanFindings): string[] {
  return [
    ...aboutSample(findings),
    ...aboutTarget(findings),
    ...aboutFailures(findings),
    ...aboutSpeed(findings),
    ...aboutScope(findings),
  ];
}

function aboutSample({ config, records, exact, sample, wanted, among }: PlanFindings): string[] {
  if (sample.length === 0) {
    return [
      records === 0
        ? 'the store has no records: if it should have, see what store names, and store.where'
        : 'no record could be sampled, so nothing is known of them',
    ];
  }
  if (config.store.type === 's3' && !exact) {
    return [
      `the bucket has more than ${describeCount(records)} objects, and counting them would take long: ` +
        'records, calls and duration are at least what is said here; the sample is spread over all keys, ' +
        'but not quite evenly',
    ];
  }
  if (among !== null) {
    return [
      `the sample is of the first ${describeCount(among)} records only, as the store has no sample(): ` +
        'later ones may differ',
    ];
  }
  return sample.length < Math.min(wanted, records) * 0.9
    ? [`the sample has ${describeCount(sample.length)} records only: more were not to be found quickly`]
    : [];
}

function aboutTarget({ config, sample, usesPin, estimate }: PlanFindings): string[] {
  const { versionId } = config.target;
  const lagging = sample.filter(({ kind }) => kind === 'lagging').length;
  if (!usesPin || lagging > 0) {
    return [
      'the KMS does not use the target version for all calls yet, which it may take 3 hours to do: ' +
        'until then records wait',
    ];
  }
  if ((estimate.doneShare ?? 0) < nearlyAll) return [];
  if (versionId !== null) return ['nearly all records are under the target version: little is left to do'];
  return [
    'nearly all records are under the primary version: there is nothing to do, or the key was ' +
      'rotated just now and the KMS still names the old one (up to 3 hours); if so, set target.versionId',
  ];
}

function aboutFailures({ config, estimate }: PlanFindings): string[] {
  const { maxFailures } = config.limits;
  if (estimate.toFail <= maxFailures) return [];
  return [
    `about ${describeCount(estimate.toFail)} records would fail, and beyond limits.maxFailures ` +
      `(${describeCount(maxFailures)}) the rotation pauses itself: mend them first, or raise it`,
  ];
}

function aboutSpeed({ config, callSeconds, estimate }: PlanFindings): string[] {
  const { rate, rateUnit, concurrency } = config.limits;
  const warnings: string[] = [];
  // The fastest quarter: the first calls of a process are slow ones.
  const sorted = callSeconds.toSorted((left, right) => left - right);
  const seconds = sorted[Math.floor(sorted.length / 4)] ?? 0;
  const workers = rate === null || rateUnit === 'items' ? 1 : Math.ceil((rate * seconds) / concurrency);
  if (callSeconds.length >= fewCalls && workers > 1) {
    warnings.push(
      `a KMS call takes ${Math.round(seconds * 1000)} ms from here: with limits.concurrency ${concurrency} ` +
        `it takes ${workers} workers to reach the rate`,
    );
  }
  const isTokenFixed = config.kms.provider === 'yandex' && config.kms.auth.kind === 'iamToken';
  if (isTokenFixed && (estimate.durationSeconds ?? 0) > tokenLifeSeconds) {
    warnings.push(
      `it takes ${describeDuration(estimate.durationSeconds ?? 0)}, and an IAM token lives 12 hours at most: ` +
        'use another of kms.auth, which renews its token',
    );
  }
  return warnings;
}

function aboutScope({ config, caveats }: PlanFindings): string[] {
  const where = config.store.type === 'postgres' ? config.store.where : null;
  return [
    ...(config.mode.kind === 'regenerate'
      ? [
          'mode regenerate opens each payload, so plaintext enters the workers; ' +
            'a plan opens none, and so cannot see a payload that is damaged',
        ]
      : []),
    ...(where === null ? [] : ['what store.where leaves out stays under its old version']),
    ...caveats,
  ];
}
