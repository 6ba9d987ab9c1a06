import { describe, expect } from 'vitest';
import { emptyTally, type Batch } from '../../src/rotation/batch.ts';
import { mayPutBack, states } from '../../src/rotation/state.ts';
import { newBatch, newFailure, oddRefs, tally, type LedgerTest } from './ledger-case.ts';

/** How failed records go back into the pass. */
export function describePutBack(test: LedgerTest): void {
  describe('putting failures back', () => {
    test('they leave the list and are staged in one step, and are not enqueued a second time', async ({
      ledger,
      stage,
      begun,
    }) => {
      const epoch = await begun();
      await stage(epoch, 0, [...oddRefs, 'other']);
      await ledger.settle(epoch, 0, emptyTally, [...oddRefs, 'other'].map(newFailure), {});
      const batch = newBatch(epoch, 1, oddRefs);
      expect(await ledger.putBack(batch)).toBe(true);
      expect(await ledger.failures(null, 100)).toEqual([newFailure('other')]);
      expect(await ledger.failureCodes()).toEqual({ INVALID_ARGUMENT: 1 });
      expect(await ledger.position(epoch)).toEqual({
        cursor: 'after-0',
        scanned: false,
        nextBatch: 2,
        staged: batch,
      });
      expect(await ledger.snapshot()).toMatchObject({
        enqueued: oddRefs.length + 1,
        batches: 2,
        settledBatches: 1,
        tally: { failed: 1 },
      });
    });

    test('a repeat after a lost reply changes nothing, also after one of them failed again', async ({
      ledger,
      begun,
    }) => {
      const epoch = await begun(1);
      await ledger.settle(epoch, 0, emptyTally, [newFailure('a'), newFailure('b')], {});
      const batch = newBatch(epoch, 1, ['a', 'b']);
      expect(await ledger.putBack(batch)).toBe(true);
      expect(await ledger.putBack(batch)).toBe(true);
      expect(await ledger.snapshot()).toMatchObject({ batches: 2, tally: { failed: 0 } });
      await ledger.settle(epoch, 1, tally({ rotated: 1 }), [newFailure('a')], {});
      expect(await ledger.putBack(batch)).toBe(true);
      expect(await ledger.failures(null, 10)).toEqual([newFailure('a')]);
      expect(await ledger.snapshot()).toMatchObject({ batches: 2, tally: { rotated: 1, failed: 1 } });
    });

    test('of two that put the same back at once one does', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      await ledger.settle(epoch, 0, emptyTally, [newFailure('a'), newFailure('b')], {});
      const batches: Batch[] = [newBatch(epoch, 1, ['a']), newBatch(epoch, 1, ['a', 'b'])];
      const won = await Promise.all(batches.map((batch) => ledger.putBack(batch)));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect((await ledger.position(epoch))?.staged).toEqual(batches[won.indexOf(true)]);
    });

    test('what a resume accepted is accepted no more once it is put back', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      await ledger.settle(epoch, 0, emptyTally, ['a', 'b', 'c'].map(newFailure), {});
      await ledger.pause('failures', 'too many');
      await ledger.resume();
      await ledger.putBack(newBatch(epoch, 1, ['a', 'b']));
      expect(await ledger.snapshot()).toMatchObject({ tally: { failed: 1 }, acceptedFailures: 1 });
    });

    test('one reference that is not listed keeps all of them in the list', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      await ledger.settle(epoch, 0, emptyTally, [newFailure('a')], {});
      expect(await ledger.putBack(newBatch(epoch, 1, ['a', 'b']))).toBe(false);
      expect(await ledger.putBack(newBatch('another epoch', 1, ['a']))).toBe(false);
      expect(await ledger.putBack(newBatch(epoch, 2, ['a']))).toBe(false);
      expect(await ledger.putBack(newBatch(epoch, 0, ['a']))).toBe(false);
      expect(await ledger.failures(null, 10)).toHaveLength(1);
      expect(await ledger.snapshot()).toMatchObject({ batches: 1, tally: { failed: 1 } });
    });

    for (const state of states) {
      test(`it is ${mayPutBack(state) ? 'done' : 'refused'} in ${state}`, async ({
        ledger,
        begun,
        brought,
      }) => {
        if (state === 'new') {
          expect(await ledger.putBack(newBatch(await brought('new'), 0, []))).toBe(false);
          return;
        }
        const epoch = await begun(1);
        await ledger.settle(epoch, 0, emptyTally, [newFailure('a')], {});
        if (state === 'paused') await ledger.pause('failures', 'too many');
        if (state === 'cancelled') await ledger.cancel();
        if (state === 'finished') await ledger.completeScan(epoch);
        expect(await ledger.putBack(newBatch(epoch, 1, ['a']))).toBe(mayPutBack(state));
        const { state: after, finishedAt, reason } = await ledger.snapshot();
        expect(after).toBe(state === 'finished' ? 'running' : state);
        expect(finishedAt).toBeNull();
        expect(reason).toBe(state === 'paused' ? 'too many' : null);
      });
    }

    test('a finished pass ends again with the batch, and every reference is counted once', async ({
      ledger,
      begun,
    }) => {
      const epoch = await begun(2);
      await ledger.settle(epoch, 0, emptyTally, [newFailure('ref-0')], {});
      await ledger.settle(epoch, 1, emptyTally, [newFailure('ref-1')], {});
      await ledger.completeScan(epoch);
      await ledger.putBack(newBatch(epoch, 2, ['ref-0', 'ref-1']));
      const after = await ledger.settle(epoch, 2, tally({ rotated: 1 }), [newFailure('ref-1')], {});
      expect(after).toMatchObject({
        state: 'finished',
        enqueued: 2,
        tally: { rotated: 1, skipped: 0, missing: 0, failed: 1 },
      });
      expect(after?.finishedAt).not.toBeNull();
    });

    test('a staged batch that is settled is not given out to be added again', async ({ ledger, begun }) => {
      const epoch = await begun(2);
      expect((await ledger.position(epoch))?.staged).toMatchObject({ number: 1 });
      await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {});
      expect((await ledger.position(epoch))?.staged).toMatchObject({ number: 1 });
      await ledger.settle(epoch, 1, tally({ rotated: 1 }), [], {});
      expect(await ledger.position(epoch)).toMatchObject({ nextBatch: 2, staged: null });
    });
  });

  describe('counts by name', () => {
    test('a reference that fails twice, as it was enqueued twice, counts once', async ({ ledger, begun }) => {
      const epoch = await begun(2);
      const failure = newFailure('a');
      await ledger.settle(epoch, 0, tally({ failed: 1 }), [failure], {});
      await ledger.settle(epoch, 1, tally({ failed: 1 }), [{ ...failure, code: 'SECOND' }], {});
      await ledger.completeScan(epoch);
      expect(await ledger.snapshot()).toMatchObject({ enqueued: 1, state: 'finished', tally: { failed: 1 } });
      expect(await ledger.failureCodes()).toEqual({ SECOND: 1 });
    });

    test('codes come with how many failures they have, the most frequent first', async ({
      ledger,
      begun,
    }) => {
      const epoch = await begun(1);
      expect(await ledger.failureCodes()).toEqual({});
      const codes = ['RARE', 'OFTEN', 'OFTEN', 'AS"ODD":"\\', 'OFTEN'];
      const failures = codes.map((code, i) => ({ ...newFailure(`"code":"${i}"`), code }));
      await ledger.settle(epoch, 0, emptyTally, failures, {});
      const counted = await ledger.failureCodes();
      expect(counted).toMatchObject({ OFTEN: 3, RARE: 1 });
      expect(Object.keys(counted)).toHaveLength(3);
      expect(Object.keys(counted)[0]).toBe('OFTEN');
      await ledger.putBack(
        newBatch(
          epoch,
          1,
          failures.map(({ ref }) => ref),
        ),
      );
      expect(await ledger.failureCodes()).toEqual({});
    });

    test('of many codes and versions fifty are named, and none is lost', async ({ ledger, begun }) => {
      const epoch = await begun(2);
      const names = Array.from({ length: 80 }, (_, i) => `N${i}`);
      await ledger.settle(
        epoch,
        0,
        emptyTally,
        names.map((code) => ({ ...newFailure(code), code })),
        Object.fromEntries(names.map((name) => [name, 2])),
      );
      const after = await ledger.settle(epoch, 1, emptyTally, [], { N0: 1, N79: 1, another: 1 });
      const { other, ...named } = after?.before ?? {};
      expect(Object.keys(named)).toHaveLength(50);
      expect(named['N0']).toBe(3);
      expect(other).toBe(62);
      expect(await ledger.failureCodes()).toMatchObject({ other: 30 });
    });

    test('what records were under adds up over the batches of a pass, once for each', async ({
      ledger,
      begun,
    }) => {
      const epoch = await begun(2);
      const before = { v1: 3, 'ключ "\\ \0': 1, '1': 2 };
      await ledger.settle(epoch, 0, tally({ rotated: 6 }), [], before);
      await ledger.settle(epoch, 0, tally({ rotated: 6 }), [], before);
      const after = await ledger.settle(epoch, 1, tally({ rotated: 1 }), [], { v1: 1 });
      expect(after?.before).toMatchObject({ v1: 4, '1': 2 });
      expect(Object.values(after?.before ?? {}).toSorted((a, b) => a - b)).toEqual([1, 2, 4]);
      expect(await ledger.snapshot()).toEqual(after);
      await ledger.completeScan(epoch);
      await begun();
      expect((await ledger.snapshot()).before).toEqual({});
    });
  });
}
