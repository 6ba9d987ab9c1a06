import type { OwnStore } from '../../src/rotation/ports/open-store.ts';
import type { RecordStore, ScanPage } from '../../src/rotation/ports/record-store.ts';
import { checkStore } from '../../src/stores/module/check-store.ts';
import { guardStore } from '../../src/stores/module/guard-store.ts';
import { faultsOf } from '../../src/stores/module/module-faults.ts';

const never = new AbortController().signal;

/** A store as plain JavaScript gives it, whatever it answers, behind the guard. */
export function guarded(
  parts: Readonly<Record<string, unknown>>,
  fields: readonly string[] = ['tenant'],
): RecordStore {
  const store: Readonly<Record<keyof OwnStore, unknown>> = {
    scan: async function* scan() {},
    read: async () => [],
    replace: async () => [],
    count: async () => ({ records: 0, exact: true }),
    close: async () => undefined,
    sample: undefined,
    check: undefined,
    caveats: undefined,
    excluded: undefined,
    ...parts,
  };
  const faults = faultsOf('./my-store.js');
  return guardStore(checkStore(store, faults), './my-store.js', fields, faults);
}

export async function pagesOf(store: RecordStore, limit = 3, signal = never): Promise<ScanPage[]> {
  const pages: ScanPage[] = [];
  for await (const page of store.scan(null, limit, signal)) pages.push(page);
  return pages;
}
