import { patiently, type Patience } from './patience.ts';
import type { RecordStore, ScanPage } from './ports/record-store.ts';
import type { Cursor } from './record.ts';

/**
 * As `store.scan`, but outages of the store are waited out: the scan is begun again behind the last page,
 * since a generator that has thrown gives no more.
 */
export async function* scanPatiently(
  store: Pick<RecordStore, 'scan'>,
  from: Cursor | null,
  limit: number,
  patience: Patience,
): AsyncGenerator<ScanPage, void, undefined> {
  const { signal } = patience;
  const scanFrom = (after: Cursor | null): AsyncIterator<ScanPage> =>
    store.scan(after, limit, signal)[Symbol.asyncIterator]();
  let after = from;
  let pages = scanFrom(after);

  async function nextPage(): Promise<ScanPage | null> {
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
