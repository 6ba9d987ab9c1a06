import { Fault } from '../../src/rotation/faults.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import type { Ref, ReplaceOutcome } from '../../src/rotation/record.ts';

interface Row {
  value: Uint8Array;
  keyVersion: string | null;
  /** `{ id: ref }` where there are none. */
  fields?: Readonly<Record<string, string | null>>;
}

/** A store in memory, with a place to break each round trip before and after its effect. */
export interface MemoryStore extends RecordStore {
  readonly rows: Map<Ref, Row>;
  beforeRead: () => void;
  /** Runs before a replace takes effect. */
  beforeReplace: () => void;
  /** Runs after it took effect: a throw here is a lost reply. */
  afterReplace: () => void;
  /** The outcome of a record instead of its replacement. */
  refuse: (ref: Ref) => ReplaceOutcome | undefined;
  reads: number;
  replaces: number;
}

export function createMemoryStore(): MemoryStore {
  const rows = new Map<Ref, Row>();
  const store: MemoryStore = {
    rows,
    reads: 0,
    replaces: 0,
    beforeRead: () => undefined,
    beforeReplace: () => undefined,
    afterReplace: () => undefined,
    refuse: () => undefined,
    async *scan(from, limit, signal) {
      const refs = [...rows.keys()].toSorted().filter((ref) => from === null || ref > from);
      for (let start = 0; start < refs.length && !signal.aborted; start += limit) {
        const page = refs.slice(start, start + limit);
        yield { refs: page, cursor: page.at(-1) ?? '' };
      }
    },
    async read(refs) {
      store.reads += 1;
      store.beforeRead();
      return [...new Set(refs)].flatMap((ref) => {
        const row = rows.get(ref);
        return row === undefined ? [] : [{ ref, fields: { id: ref }, revision: null, ...row }];
      });
    },
    async replace(changes) {
      store.replaces += 1;
      store.beforeReplace();
      const outcomes = changes.map(({ ref, oldValue, newValue, keyVersion }): ReplaceOutcome => {
        const refused = store.refuse(ref);
        if (refused !== undefined) return refused;
        const row = rows.get(ref);
        if (row === undefined || Buffer.compare(row.value, oldValue) !== 0) return 'conflict';
        rows.set(ref, { ...row, value: newValue, keyVersion: row.keyVersion === null ? null : keyVersion });
        return 'replaced';
      });
      store.afterReplace();
      return outcomes;
    },
    count: async () => ({ records: rows.size, exact: true }),
    sample: async (size) =>
      [...rows.keys()]
        .map((ref) => ({ ref, place: Math.random() }))
        .toSorted((left, right) => left.place - right.place)
        .slice(0, size)
        .map(({ ref }) => ref),
    check: async () => `memory, ${rows.size} records`,
    caveats: [],
    excluded: async () => null,
    close: async () => undefined,
  };
  return store;
}

export function storeDown(): Fault {
  return new Fault('transient', 'STORE_DOWN', 'store is out of reach', { peer: 'store' });
}
