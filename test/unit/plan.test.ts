import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { estimatePlan, type PlanFacts, type SurveyedRecord } from '../../src/rotation/plan.ts';

const nothing = { items: 0, itemsToVerify: 0, itemsToCheck: 0 } as const;
const done = { ...nothing, ref: 'd', kind: 'done', versionId: 'v2', offline: true } as const;
const open = { ...done, ref: 'o', kind: 'open', versionId: 'v1', items: 1, itemsToCheck: 1 } as const;
const opaque = { ...open, offline: false, itemsToVerify: 1 } as const;
const failing = {
  ref: 'f',
  kind: 'failing',
  fault: new Fault('record', 'BAD_FORMAT', 'words'),
  ...nothing,
  offline: false,
} as const;

function times(count: number, record: SurveyedRecord): SurveyedRecord[] {
  return Array.from({ length: count }, () => record);
}

function planOf(sample: readonly SurveyedRecord[], more: Partial<PlanFacts> = {}) {
  return estimatePlan({
    records: 1_000_000,
    exact: false,
    sample,
    itemsSaved: 0,
    checkedShare: 0,
    itemsPerCall: 1,
    batchSize: 500,
    rate: 500,
    rateUnit: 'calls',
    ...more,
  });
}

describe('what a rotation takes', () => {
  test('one call for each record that is not done, and a census of the headers', () => {
    expect(planOf([...times(20, done), ...times(60, open), ...times(20, failing)])).toMatchObject({
      doneShare: 0.2,
      toRotate: 600_000,
      toFail: 200_000,
      kmsCalls: 600_200,
      kmsCallsToVerify: 200,
      durationSeconds: 600_200 / 500,
    });
  });

  test('one call more for each write that is checked, and none for what is not written', () => {
    const plan = planOf([...times(20, done), ...times(60, open), ...times(20, failing)], {
      checkedShare: 0.1,
    });
    expect(plan).toMatchObject({
      kmsCalls: 660_200,
      kmsCallsToCheckWrites: 60_000,
      durationSeconds: 660_200 / 500,
    });
  });

  test('where no header can be read the census asks about every record', () => {
    expect(planOf(times(10, opaque))).toMatchObject({ kmsCalls: 2_000_000, kmsCallsToVerify: 1_000_000 });
  });

  test('two calls for each envelope that gets a new key', () => {
    const regenerated = { ...opaque, items: 2 };
    expect(planOf(times(10, regenerated))).toMatchObject({ kmsCalls: 3_000_000 });
  });

  test('a KMS that takes many items is called once for each batch', () => {
    const plan = planOf(times(10, opaque), { itemsPerCall: 500 });
    expect(plan).toMatchObject({ kmsCalls: 4000, kmsCallsToVerify: 2000, durationSeconds: 8 });
  });

  test('where the items are limited the duration counts them, not the calls', () => {
    const plan = planOf(times(10, opaque), { itemsPerCall: 500, rateUnit: 'items' });
    expect(plan).toMatchObject({ kmsCalls: 4000, durationSeconds: 4000 });
  });

  test('ciphertexts that records share are asked for once', () => {
    expect(planOf(times(10, open), { itemsSaved: 4 })).toMatchObject({
      kmsCalls: 600_200,
      kmsCallsSaved: 400_000,
    });
  });

  test('without a limit no one knows how long', () => {
    expect(planOf(times(10, open), { rate: null }).durationSeconds).toBeNull();
  });
});

describe('the share that is done', () => {
  test.each([
    // From the textbook formula, worked out by hand.
    [81, 263, 0.2553, 0.3662],
    [0, 20, 0, 0.1611],
    [20, 20, 0.8389, 1],
  ])('%i of %i lies between %f and %f', (hits, size, low, high) => {
    const { doneShareInterval } = planOf([...times(hits, done), ...times(size - hits, open)]);
    expect(doneShareInterval?.[0]).toBeCloseTo(low, 3);
    expect(doneShareInterval?.[1]).toBeCloseTo(high, 3);
  });

  test('is exact where the sample holds all records, and only there', () => {
    const sample = [...times(5, done), ...times(15, open)];
    expect(planOf(sample, { records: 20, exact: true }).doneShareInterval).toEqual([0.25, 0.25]);
    for (const more of [
      { records: 20, exact: false },
      { records: 21, exact: true },
    ])
      expect(planOf(sample, more).doneShareInterval?.[0]).toBeLessThan(0.25);
  });

  test('is not known of no record', () => {
    expect(planOf([])).toMatchObject({ doneShare: null, doneShareInterval: null, kmsCalls: 0 });
  });
});
