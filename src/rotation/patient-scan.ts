import { patiently, type Patience } from './patience.ts';
import type { Cursor } from './record.ts';

/** `scan` or `scanRecords` of a store. */
export type Scan<Page> = (from: Cursor | null, limit: number, signal: AbortSignal) => AsyncIterable<Page>;

/**
 * As `scan`, but outages of the store are waited out: the scan is begun again behind the last page,
 * since a generator that has thrown gives no more.
 */
export async function* scanPatiently<Page extends { readonly cursor: Cursor }>(
  scan: Scan<Page>,
  from: Cursor | null,
  limit: number,
  patience: Patience,
): AsyncGenerator<Page, void, undefined> {
  const { signal } = patience;
  const scanFrom = (after: Cursor | null): AsyncIterator<Page> =>
    scan(after, limit, signal)[Symbol.asyncIterator]();
  let after = from;
  let pages = scanFrom(after);

  async function nextPage(): Promise<Page | null> {
    try {
      const { done, value } = await pages.next();
      return done === true ? null : value;
    } catch (error) {
      pages = scanFrom(after);
      if (signal.aborted) return null;
      throw error;
    }
  }

  try {
    for (;;) {
      const page = await patiently(patience, nextPage);
      if (page === null) return;
      yield page;
      after = page.cursor;
    }
  } finally {
    await pages.return?.();
  }
}
