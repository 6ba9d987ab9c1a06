import { describe, expect, test } from 'vitest';
import type { ScanPage } from '../rotation/ports/record-store.ts';
import type { Cursor, Ref } from '../rotation/record.ts';
import type { RecordStoreFixture } from './record-store-fixture.ts';

const never = new AbortController().signal;

/** What the tests need of the suite around them. */
export interface RecordScanScene {
  readonly fixture: () => RecordStoreFixture;
  /** Either way to scan, as pages of refs. */
  readonly scan: (from: Cursor | null, limit: number, signal: AbortSignal) => AsyncIterable<ScanPage>;
  /** Puts so many records. */
  readonly seed: (count: number) => Promise<readonly Ref[]>;
  readonly makeValue: (label: string) => Uint8Array;
  readonly knowsNull: boolean;
}

/** The part of the contract that is about `scan`, and about `scanRecords` where there is one. */
export function recordScanContract(
  name: string,
  { fixture, scan, seed, makeValue, knowsNull }: RecordScanScene,
): void {
  async function scanPages(limit: number, from: Cursor | null = null, signal = never): Promise<ScanPage[]> {
    const pages: ScanPage[] = [];
    for await (const page of scan(from, limit, signal)) pages.push(page);
    return pages;
  }
  async function scanRefs(limit = 100, from: Cursor | null = null): Promise<Ref[]> {
    return (await scanPages(limit, from)).flatMap(({ refs }) => refs);
  }

  describe(name, () => {
    test('an empty store has no page', async () => {
      expect(await scanPages(10)).toEqual([]);
    });

    test.each([1, 7, 20, 21, 1000])('every record is in exactly one page of at most %i', async (limit) => {
      const refs = await seed(60);
      const pages = await scanPages(limit);
      expect(pages.flatMap((page) => page.refs).toSorted()).toEqual(refs.toSorted());
      for (const page of pages) {
        expect(page.refs.length).toBeGreaterThan(0);
        expect(page.refs.length).toBeLessThanOrEqual(limit);
      }
    });

    test('each cursor goes on strictly after its page, in the same order', async () => {
      await seed(23);
      const all = await scanRefs();
      let done = 0;
      for (const page of await scanPages(4)) {
        done += page.refs.length;
        expect(await scanRefs(5, page.cursor)).toEqual(all.slice(done));
      }
      expect(done).toBe(23);
    });

    test('a cursor outlives the record that it points to', async () => {
      await seed(12);
      const all = await scanRefs();
      const [first] = await scanPages(5);
      for (const ref of first?.refs ?? []) await fixture().remove(ref);
      expect(await scanRefs(5, first?.cursor)).toEqual(all.slice(5));
    });

    test('a record there all the while comes once, whatever is written and removed beside it', async () => {
      const refs = await seed(40);
      const doomed = new Set(refs.slice(0, 15));
      const seen: Ref[] = [];
      for await (const page of scan(null, 3, never)) {
        seen.push(...page.refs);
        for (const ref of page.refs) await fixture().write(ref, makeValue(`rewritten ${ref}`));
        const [next] = doomed;
        if (next !== undefined && doomed.delete(next)) await fixture().remove(next);
      }
      expect(new Set(seen).size).toBe(seen.length);
      const stayed = refs.slice(15);
      expect(seen.filter((ref) => stayed.includes(ref)).toSorted()).toEqual(stayed.toSorted());
    });

    test('abort ends it without an error', async () => {
      await seed(20);
      const control = new AbortController();
      const seen: Ref[] = [];
      for await (const page of scan(null, 5, control.signal)) {
        seen.push(...page.refs);
        control.abort();
      }
      expect(seen).toHaveLength(5);
    });

    test('aborted before it begins, it gives nothing', async () => {
      await seed(3);
      expect(await scanPages(5, null, AbortSignal.abort())).toEqual([]);
    });

    if (knowsNull)
      test('an empty place is not a record', async () => {
        const [full] = await fixture().seed([
          { id: 'full', value: makeValue('full'), tenant: null },
          { id: 'empty', value: null, tenant: null },
        ]);
        expect(await scanRefs()).toEqual([full]);
        expect(await fixture().store.count()).toMatchObject({ records: 1 });
      });
  });
}
