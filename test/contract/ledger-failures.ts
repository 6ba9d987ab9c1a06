import { describe, expect } from 'vitest';
import type { RecordFailure } from '../../src/rotation/batch.ts';
import { newFailure, oddRefs, tally, type LedgerTest } from './ledger-case.ts';

/** The list of failures. */
export function describeFailures(test: LedgerTest): void {
  describe('failures', () => {
    test('they come in the order of their references, page by page, whatever characters they hold', async ({
      ledger,
      begun,
    }) => {
      const epoch = await begun(1);
      const given = oddRefs.map(newFailure);
      await ledger.settle(epoch, 0, tally({ failed: given.length }), given, {});
      const listed: RecordFailure[] = [];
      for (let after: string | null = null; ;) {
        const page = await ledger.failures(after, 3);
        expect(page.length).toBeLessThanOrEqual(3);
        listed.push(...page);
        after = page.at(-1)?.ref ?? null;
        if (page.length < 3) break;
      }
      const byBytes = given.toSorted((a, b) => Buffer.compare(Buffer.from(a.ref), Buffer.from(b.ref)));
      expect(listed).toEqual(byBytes);
    });

    test('a reference that fails again is listed once, as it failed last', async ({ ledger, begun }) => {
      const epoch = await begun(2);
      await ledger.settle(
        epoch,
        0,
        tally({ failed: 1 }),
        [newFailure('a'), { ...newFailure('a'), code: 'SECOND' }],
        {},
      );
      await ledger.settle(
        epoch,
        1,
        tally({ failed: 1 }),
        [{ ...newFailure('a'), code: 'THIRD', requestId: 'r-9' }],
        {},
      );
      expect(await ledger.failures(null, 10)).toEqual([
        { ...newFailure('a'), code: 'THIRD', requestId: 'r-9' },
      ]);
    });

    test('those of a batch settled twice are not listed again', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {});
      await ledger.settle(epoch, 0, tally({ failed: 1 }), [newFailure('a')], {});
      expect(await ledger.failures(null, 10)).toEqual([]);
    });

    test('a batch may fail as a whole, thousands of references at once', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      const given = Array.from({ length: 5000 }, (_, i) => newFailure(`row-${i}`));
      await ledger.settle(epoch, 0, tally({ failed: 5000 }), given, {});
      expect(await ledger.failures(null, 10_000)).toHaveLength(5000);
      expect((await ledger.failedAmong(given.map(({ ref }) => ref))).size).toBe(5000);
    });

    test('failedAmong answers the listed ones of those it is asked for', async ({ ledger, begun }) => {
      const epoch = await begun(1);
      await ledger.settle(epoch, 0, tally({ failed: 1 }), oddRefs.map(newFailure), {});
      expect(await ledger.failedAmong(['not there', ...oddRefs, ''])).toEqual(new Set(oddRefs));
      expect(await ledger.failedAmong([])).toEqual(new Set());
    });
  });
}
