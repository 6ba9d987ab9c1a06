import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { estimatePlan, type PlanFacts, type SurveyedRecord } from '../../src/rotation/plan.ts';
import { runs } from '../support/property-runs.ts';

const kind = fc.constantFrom<SurveyedRecord['kind']>('done', 'open', 'lagging', 'failing');
const surveyed = fc
  .record({
    kind,
    items: fc.nat(6),
    itemsToVerify: fc.nat(3),
    itemsToCheck: fc.nat(3),
    offline: fc.boolean(),
    ref: fc.string(),
  })
  .map(({ kind, ...rest }): SurveyedRecord =>
    kind === 'failing'
      ? { ...rest, kind, fault: new Fault('record', 'BAD_FORMAT', 'words') }
      : { ...rest, kind, versionId: kind === 'done' ? 'v2' : 'v1' },
  );
const facts: fc.Arbitrary<PlanFacts> = fc.record({
  records: fc.oneof(fc.nat(1000), fc.nat(10_000_000_000)),
  exact: fc.boolean(),
  sample: fc.array(surveyed, { maxLength: 300 }),
  itemsSaved: fc.nat(500),
  checkedShare: fc.double({ min: 0, max: 1, noNaN: true }),
  itemsPerCall: fc.integer({ min: 1, max: 1000 }),
  batchSize: fc.integer({ min: 1, max: 10_000 }),
  rate: fc.option(fc.double({ min: 0.001, max: 1_000_000, noNaN: true })),
  rateUnit: fc.constantFrom('calls', 'items'),
});

describe('a plan', () => {
  test('never holds a number that is none, below nothing or above all', () => {
    fc.assert(
      fc.property(facts, (input) => {
        const plan = estimatePlan(input);
        for (const count of [
          plan.toRotate,
          plan.toFail,
          plan.kmsCalls,
          plan.kmsCallsToVerify,
          plan.kmsCallsToCheckWrites,
          plan.kmsCallsSaved,
        ]) {
          expect(Number.isSafeInteger(count)).toBe(true);
          expect(count).toBeGreaterThanOrEqual(0);
        }
        expect(plan.kmsCallsToVerify + plan.kmsCallsToCheckWrites).toBeLessThanOrEqual(plan.kmsCalls);
        expect(plan.toRotate + plan.toFail).toBeLessThanOrEqual(input.records + 1);
        expect(plan.durationSeconds === null).toBe(input.rate === null);
        expect(Number.isFinite(plan.durationSeconds ?? 0)).toBe(true);
        if (input.sample.length === 0) {
          expect([plan.doneShare, plan.doneShareInterval]).toEqual([null, null]);
          return;
        }
        const [low, high] = plan.doneShareInterval ?? [NaN, NaN];
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(plan.doneShare ?? NaN);
        expect(high).toBeGreaterThanOrEqual(plan.doneShare ?? NaN);
        expect(high).toBeLessThanOrEqual(1);
      }),
      runs(300),
    );
  });

  test('of more records asks for no less, a faster rate for no more time, one that is done for no more', () => {
    fc.assert(
      fc.property(facts, fc.nat(1_000_000), (input, more) => {
        const plan = estimatePlan(input);
        const larger = estimatePlan({ ...input, records: input.records + more });
        expect(larger.kmsCalls).toBeGreaterThanOrEqual(plan.kmsCalls);
        expect(larger.toRotate).toBeGreaterThanOrEqual(plan.toRotate);
        const faster = estimatePlan({ ...input, rate: input.rate === null ? null : input.rate * 2 });
        expect(faster.durationSeconds ?? 0).toBeLessThanOrEqual(plan.durationSeconds ?? 0);
        const [first, ...rest] = input.sample;
        if (first === undefined || input.itemsSaved > 0) return;
        const doneOne: SurveyedRecord = {
          ref: first.ref,
          kind: 'done',
          versionId: 'v2',
          items: 0,
          offline: first.offline,
          itemsToVerify: first.itemsToVerify,
          itemsToCheck: 0,
        };
        const done = estimatePlan({ ...input, sample: [doneOne, ...rest] });
        expect(done.kmsCalls).toBeLessThanOrEqual(plan.kmsCalls);
        expect(done.toRotate).toBeLessThanOrEqual(plan.toRotate);
        expect(done.doneShare ?? 0).toBeGreaterThanOrEqual(plan.doneShare ?? 0);
      }),
      runs(300),
    );
  });
});
