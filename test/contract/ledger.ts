import { afterAll, beforeAll, describe, expect } from 'vitest';
import { describeBatches } from './ledger-batches.ts';
import { createLedgerTest, newFailure, tally, type LedgerHarness } from './ledger-case.ts';
import { describeFailures } from './ledger-failures.ts';
import { describePutBack } from './ledger-put-back.ts';
import { describeStates } from './ledger-states.ts';

/** What every adapter of the port `Ledger` must do. */
export function describeLedger(name: string, openHarness: () => Promise<LedgerHarness>): void {
  describe(`ledger on ${name}`, () => {
    let opened: LedgerHarness;
    beforeAll(async () => {
      opened = await openHarness();
    });
    afterAll(() => opened.close());
    const test = createLedgerTest(() => opened);

    describeStates(test);
    describeBatches(test);
    describeFailures(test);
    describePutBack(test);

    describe('workers', () => {
      test('a report tells the state and counts the worker, once', async ({ ledger, begun }) => {
        const epoch = await begun();
        await ledger.report({ workerId: 'a', callsPerSecond: 1, recordsPerSecond: 1 });
        const told = await ledger.report({ workerId: 'a', callsPerSecond: 10.5, recordsPerSecond: 20.25 });
        await ledger.report({ workerId: 'b', callsPerSecond: 0.1, recordsPerSecond: 0 });
        expect(told).toMatchObject({ state: 'running', epoch });
        const { alive, callsPerSecond, recordsPerSecond } = await ledger.workers();
        expect(alive).toBe(2);
        expect(callsPerSecond).toBeCloseTo(10.6);
        expect(recordsPerSecond).toBeCloseTo(20.25);
      });

      test('a worker silent for more than five seconds is not alive', async ({
        ledger,
        harness,
        rotation,
      }) => {
        await ledger.report({ workerId: 'old', callsPerSecond: 1, recordsPerSecond: 1 });
        await harness.elapse(rotation, 5100);
        await ledger.report({ workerId: 'new', callsPerSecond: 2, recordsPerSecond: 3 });
        expect(await ledger.workers()).toEqual({ alive: 1, callsPerSecond: 2, recordsPerSecond: 3 });
      });

      test('a worker may report before any pass has begun', async ({ ledger }) => {
        expect(
          await ledger.report({ workerId: 'early', callsPerSecond: 0, recordsPerSecond: 0 }),
        ).toMatchObject({ state: 'new' });
        expect(await ledger.workers()).toMatchObject({ alive: 1 });
      });
    });

    test('rotations do not see one another', async ({ ledger, begun, harness, rotation }) => {
      const epoch = await begun(1);
      await ledger.settle(epoch, 0, tally({ failed: 1 }), [newFailure('a')], {});
      const other = harness.ledger(`${rotation}-2`);
      expect(await other.snapshot()).toMatchObject({ state: 'new' });
      expect(await other.failures(null, 10)).toEqual([]);
      expect(await other.position(epoch)).toBeNull();
    });
  });
}
