import { describe, expect } from 'vitest';
import { emptyTally, type Batch } from '../../src/rotation/batch.ts';
import { newBatch, newFailure, oddRefs, tally, type LedgerTest } from './ledger-case.ts';

/** How batches are staged and settled. */
export function describeBatches(test: LedgerTest): void {
  describe('batches', () => {
    test('a staged batch and the cursor behind it come back as they were', async ({ ledger, begun }) => {
      const epoch = await begun();
      const batch: Batch = { ...newBatch(epoch, 0, oddRefs), late: true };
      expect(await ledger.stage({ batch, cursor: 'c\0\u{1f511}"' })).toBe(true);
      expect(await ledger.position(epoch)).toEqual({
        cursor: 'c\0\u{1f511}"',
        scanned: false,
        nextBatch: 1,
        staged: batch,
      });
    });

    test('a batch of late writers leaves the cursor as it is', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      await ledger.stage({ batch: newBatch(epoch, 1, ['late']), cursor: null });
      expect(await ledger.position(epoch)).toMatchObject({ cursor: 'after-0', nextBatch: 2 });
    });

    test('a number out of turn is refused', async ({ ledger, begun, stage }) => {
      const epoch = await begun(2);
      expect(await stage(epoch, 0)).toBe(false);
      expect(await stage(epoch, 3)).toBe(false);
      expect(await ledger.snapshot()).toMatchObject({ batches: 2, enqueued: 2 });
    });

    test('stage repeated after a lost reply counts once, but another batch of that number is refused', async ({
      ledger,
      begun,
      stage,
    }) => {
      const epoch = await begun();
      expect(await stage(epoch, 0, ['a', 'b'])).toBe(true);
      expect(await stage(epoch, 0, ['a', 'b'])).toBe(true);
      expect(await stage(epoch, 0, ['a', 'c'])).toBe(false);
      expect(await ledger.stage({ batch: newBatch(epoch, 0, ['a', 'b']), cursor: 'other' })).toBe(true);
      expect(await ledger.snapshot()).toMatchObject({ batches: 1, enqueued: 2 });
      expect(await ledger.position(epoch)).toMatchObject({ cursor: 'after-0', nextBatch: 1 });
    });

    test('of producers that stage at once one gets the number', async ({ ledger, begun, stage }) => {
      const epoch = await begun();
      const won = await Promise.all(Array.from({ length: 10 }, (_, i) => stage(epoch, 0, [`of-${i}`])));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await ledger.snapshot()).toMatchObject({ batches: 1, enqueued: 1 });
    });

    test('a pass that is over takes no batch', async ({ ledger, stage, brought }) => {
      const epoch = await brought('finished');
      expect(await stage(epoch, 0)).toBe(false);
      expect(await ledger.snapshot()).toMatchObject({ state: 'finished', batches: 0 });
    });

    test('a finished pass is extended, and closed again by the end of the scan', async ({
      ledger,
      stage,
      brought,
    }) => {
      const epoch = await brought('finished');
      expect(await ledger.extend(epoch)).toBe(true);
      expect(await ledger.snapshot()).toMatchObject({ state: 'running', scanned: false, finishedAt: null });
      expect(await stage(epoch, 0)).toBe(true);
      expect(await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {})).toMatchObject({
        state: 'running',
      });
      expect(await ledger.completeScan(epoch)).toBe(true);
      expect(await ledger.snapshot()).toMatchObject({ state: 'finished', pass: 1, tally: { rotated: 1 } });
    });
  });

  describe('settling', () => {
    test('a batch counts once, however often and from how many workers it is settled', async ({
      ledger,
      begun,
    }) => {
      const epoch = await begun(40);
      const outcome = { rotated: 5, skipped: 4, missing: 3, failed: 0, conflicts: 2 };
      await Promise.all(Array.from({ length: 120 }, (_, i) => ledger.settle(epoch, i % 40, outcome, [], {})));
      expect(await ledger.snapshot()).toMatchObject({
        settledBatches: 40,
        tally: { rotated: 200, skipped: 160, missing: 120, failed: 0, conflicts: 80 },
      });
    });

    test('the last batch after the end of the scan finishes, and tells so', async ({ ledger, begun }) => {
      const epoch = await begun(2);
      await ledger.completeScan(epoch);
      expect(await ledger.settle(epoch, 1, tally({ rotated: 1 }), [], {})).toMatchObject({
        state: 'running',
      });
      const last = await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {});
      expect(last).toMatchObject({ state: 'finished', settledBatches: 2, scanned: true });
      expect(Date.parse(last?.finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(last?.startedAt ?? ''));
      expect(await ledger.snapshot()).toEqual(last);
      expect(await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {})).toEqual(last);
    });

    test('all settled before the end of the scan is not finished', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      expect(await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {})).toMatchObject({
        state: 'running',
      });
      expect(await ledger.completeScan(epoch)).toBe(true);
      expect(await ledger.completeScan(epoch)).toBe(true);
      expect(await ledger.snapshot()).toMatchObject({ state: 'finished' });
    });

    test('work in flight counts after a pause, and resume finishes when nothing is left', async ({
      ledger,
      begun,
    }) => {
      const epoch = await begun(1);
      await ledger.completeScan(epoch);
      await ledger.pause('operator', 'by hand');
      const settled = await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {});
      expect(settled).toMatchObject({ state: 'paused', settledBatches: 1, finishedAt: null });
      expect(await ledger.resume()).toBe(true);
      expect(await ledger.snapshot()).toMatchObject({ state: 'finished' });
    });

    test('work in flight counts after a cancel and changes its state no more', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      await ledger.completeScan(epoch);
      await ledger.cancel();
      const settled = await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {});
      expect(settled).toMatchObject({ state: 'cancelled', tally: { rotated: 1 } });
    });

    test('a batch that was never staged counts nothing', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      await ledger.completeScan(epoch);
      expect(await ledger.settle(epoch, 1, tally({ rotated: 1 }), [newFailure('x')], {})).toMatchObject({
        state: 'running',
        settledBatches: 0,
        tally: emptyTally,
      });
      expect(await ledger.failures(null, 10)).toEqual([]);
    });

    test('a rotation never begun settles nothing', async ({ ledger }) => {
      expect(await ledger.settle('none', 0, tally({ rotated: 1 }), [], {})).toBeNull();
      expect(await ledger.snapshot()).toMatchObject({ state: 'new' });
    });
  });
}
