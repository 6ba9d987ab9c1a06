import type { RecordStore } from '../rotation/ports/record-store.ts';

/** A round trip to the store, as metrics name it. */
export type StoreOperation = 'read' | 'replace' | 'scan' | 'count' | 'sample';

/** The same store, its round trips timed; failed ones too. */
export function measureStore(
  store: RecordStore,
  used: (op: StoreOperation, seconds: number) => void,
): RecordStore {
  async function timed<T>(op: StoreOperation, step: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await step();
    } finally {
      used(op, (performance.now() - startedAt) / 1000);
    }
  }
  async function* timedPages<Page>(scan: AsyncIterable<Page>): AsyncGenerator<Page> {
    const pages = scan[Symbol.asyncIterator]();
    try {
      for (;;) {
        const page = await timed('scan', () => pages.next());
        if (page.done === true) return;
        yield page.value;
      }
    } finally {
      await pages.return?.();
    }
  }
  const { sample, scanRecords } = store;
  return {
    scan: (...from) => timedPages(store.scan(...from)),
    ...(scanRecords !== undefined && {
      scanRecords: (...from) => timedPages(scanRecords.call(store, ...from)),
    }),
    read: (refs) => timed('read', () => store.read(refs)),
    replace: (changes) => timed('replace', () => store.replace(changes)),
    count: () => timed('count', () => store.count()),
    ...(sample !== undefined && {
      sample: (size, signal) => timed('sample', () => sample.call(store, size, signal)),
    }),
    check: () => store.check(),
    caveats: store.caveats,
    excluded: () => store.excluded(),
    close: () => store.close(),
  };
}
