import { headerSample } from './certificate.ts';
import type { Fault } from './faults.ts';
import type { Ref } from './record.ts';

/** Of the normal distribution, for 95 %. */
const z = 1.96;

interface Surveyed {
  readonly ref: Ref;
  /** Ciphertexts that the rotation would send to the KMS for it, each time counted. */
  readonly items: number;
  /** Ciphertexts that a census would. */
  readonly itemsToVerify: number;
  /** Ciphertexts that a check of the write would send again; 0 where nothing is written. */
  readonly itemsToCheck: number;
  /** Its header tells its version without the KMS. */
  readonly offline: boolean;
}

/**
 * A record of the sample, as the rotation would meet it. `lagging`: the KMS does not use the pin for it yet;
 * it will be rotated all the same.
 */
export type SurveyedRecord =
  | (Surveyed & { readonly kind: 'done' | 'open' | 'lagging'; readonly versionId: string })
  | (Surveyed & { readonly kind: 'failing'; readonly fault: Fault });

export interface PlanFacts {
  readonly records: number;
  /** `records` is a count and no estimate. */
  readonly exact: boolean;
  readonly sample: readonly SurveyedRecord[];
  /** The share of the written records that are checked: 0 to 1. */
  readonly checkedShare: number;
  /** Items of the sample that needed no call, as another record has the same ciphertext and AAD. */
  readonly itemsSaved: number;
  readonly itemsPerCall: number;
  readonly batchSize: number;
  /** Per second; null = no limit. */
  readonly rate: number | null;
  readonly rateUnit: 'calls' | 'items';
}

/** What the rotation will take, as far as the sample tells. Numbers of records and calls are whole. */
export interface PlanEstimate {
  /** 0 to 1; null without a sample. */
  readonly doneShare: number | null;
  /** Where the share of all records lies, 95 % sure; a single point where the sample holds all of them. */
  readonly doneShareInterval: readonly [low: number, high: number] | null;
  readonly toRotate: number;
  /** Records that would be set aside. */
  readonly toFail: number;
  /** All calls: to rotate, to check writes and to verify. */
  readonly kmsCalls: number;
  readonly kmsCallsToCheckWrites: number;
  readonly kmsCallsToVerify: number;
  /** Calls less, at the least, as records share ciphertexts: the larger a store, the more do. */
  readonly kmsCallsSaved: number;
  /** At the limit of the rate; null without one. */
  readonly durationSeconds: number | null;
}

export function estimatePlan(facts: PlanFacts): PlanEstimate {
  const { records, exact, sample, itemsSaved, checkedShare, rate, rateUnit } = facts;
  const size = sample.length;
  const scale = size === 0 ? 0 : records / size;
  const done = sample.filter(({ kind }) => kind === 'done').length;
  const failing = sample.filter(({ kind }) => kind === 'failing').length;
  const offline = sample.filter((record) => record.offline).length;

  const items = sum(sample.map((record) => record.items));
  const asked = Math.max(0, items - itemsSaved) * scale;
  const confirmed = Math.min(headerSample, offline * scale);
  const verified = sum(sample.map(({ itemsToVerify }) => itemsToVerify)) * scale + confirmed;
  const checked = sum(sample.map(({ itemsToCheck }) => itemsToCheck)) * scale * checkedShare;
  const toRotate = Math.ceil(callsFor(asked, facts));
  const toCheck = Math.ceil(callsFor(checked, facts));
  const toVerify = Math.ceil(callsFor(verified, facts));
  const calls = toRotate + toCheck + toVerify;
  const counted =
    rateUnit === 'items' ? [asked, checked, verified].reduce((all, each) => all + Math.ceil(each), 0) : calls;
  return {
    doneShare: size === 0 ? null : done / size,
    doneShareInterval: size === 0 ? null : exact && size >= records ? point(done / size) : wilson(done, size),
    toRotate: Math.round((size - done - failing) * scale),
    toFail: Math.round(failing * scale),
    kmsCalls: calls,
    kmsCallsToCheckWrites: toCheck,
    kmsCallsToVerify: toVerify,
    kmsCallsSaved: Math.max(0, Math.floor(callsFor(items * scale, facts)) - toRotate),
    durationSeconds: rate === null ? null : counted / rate,
  };
}

/** A call takes the items of one batch at most, so each batch with items makes one. */
function callsFor(items: number, { records, batchSize, itemsPerCall }: PlanFacts): number {
  return Math.max(items / itemsPerCall, Math.min(items, Math.ceil(records / batchSize)));
}

/**
 * Wilson's interval for a share, which holds for few and for extreme ones too.
 * E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).
 */
function wilson(hits: number, size: number): readonly [number, number] {
  const share = hits / size;
  const middle = share + z ** 2 / (2 * size);
  const reach = z * Math.sqrt((share * (1 - share)) / size + z ** 2 / (4 * size ** 2));
  const whole = 1 + z ** 2 / size;
  // Rounding must not push the ends past the share, nor out of 0 to 1.
  return [
    Math.max(0, Math.min(share, (middle - reach) / whole)),
    Math.min(1, Math.max(share, (middle + reach) / whole)),
  ];
}

function point(share: number): readonly [number, number] {
  return [share, share];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
