import { describe, expect, test } from 'vitest';
import type { OwnStore } from '../rotation/ports/open-store.ts';
import type { Ref } from '../rotation/record.ts';

const never = new AbortController().signal;

/** What the tests need of the suite around them. */
export interface RecordSampleScene {
  readonly store: () => OwnStore;
  /** Puts so many records. */
  readonly seed: (count: number) => Promise<readonly Ref[]>;
  /** All refs, in the order of a scan. */
  readonly scan: () => Promise<readonly Ref[]>;
}

/** The part of the contract that is about `sample`. */
export function recordSampleContract({ store, seed, scan }: RecordSampleScene): void {
  describe('sample', () => {
    test('of an empty store is empty', async () => {
      expect(await store().sample?.(10, never)).toEqual([]);
    });

    test('is all records where there are no more, each once', async () => {
      const refs = await seed(12);
      for (const size of [12, 50])
        expect([...((await store().sample?.(size, never)) ?? [])].toSorted()).toEqual(refs.toSorted());
    });

    test('is of the size that is asked for, each record once, and comes from the whole store', async () => {
      await seed(60);
      const order = await scan();
      const inQuarter = [0, 0, 0, 0];
      for (let draw = 0; draw < 10; draw += 1) {
        const refs = (await store().sample?.(12, never)) ?? [];
        expect(refs).toHaveLength(12);
        expect(new Set(refs).size, 'distinct refs').toBe(12);
        for (const ref of refs) {
          const place = order.indexOf(ref);
          expect(place, 'its place in the scan').toBeGreaterThanOrEqual(0);
          const quarter = Math.floor(place / 15);
          inQuarter[quarter] = (inQuarter[quarter] ?? 0) + 1;
        }
      }
      // 30 are to be expected of each quarter; less than 8 come once in a million times.
      expect(Math.min(...inQuarter), `records of each quarter: ${inQuarter.join(', ')}`).toBeGreaterThan(7);
    });
  });
}
