import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RecordStore } from '../../../src/rotation/ports/record-store.ts';
import { measureStore } from '../../../src/telemetry/measured-store.ts';
import { createMemoryStore, storeDown } from '../../support/memory-store.ts';

const never = new AbortController().signal;

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function createMeasured(changed: Partial<RecordStore> = {}) {
  const inner = createMemoryStore();
  for (const ref of ['1', '2', '3'])
    inner.rows.set(ref, { value: Buffer.from(`value-${ref}`), keyVersion: null });
  const used: [op: string, seconds: number][] = [];
  const store = measureStore({ ...inner, ...changed }, (op, seconds) => used.push([op, seconds]));
  return { inner, store, used, ops: () => used.map(([op]) => op) };
}

test('a measured store answers as the store itself', async () => {
  const { inner, store } = createMeasured({ caveats: ['older versions are not read'] });
  expect(store.caveats).toEqual(['older versions are not read']);
  expect(await store.check()).toBe(await inner.check());
  expect(await store.read(['1', '9'])).toEqual(await inner.read(['1', '9']));
  expect(await store.count()).toEqual({ records: 3, exact: true });
  const change = {
    ref: '2',
    oldValue: Buffer.from('value-2'),
    newValue: Buffer.from('new'),
    keyVersion: 'v2',
    revision: null,
  };
  expect(await store.replace([change, change])).toEqual(['replaced', 'conflict']);
  expect(inner.rows.get('2')?.value.toString()).toBe('new');
  const pages = [];
  for await (const page of store.scan('1', 1, never)) pages.push(page);
  expect(pages).toEqual([
    { refs: ['2'], cursor: '2' },
    { refs: ['3'], cursor: '3' },
  ]);
});

test('each round trip is timed under its operation, each page of a scan for itself', async () => {
  const { store, used, ops } = createMeasured({
    read: async () => {
      vi.advanceTimersByTime(30);
      return [];
    },
  });
  await store.read(['1']);
  await store.count();
  await store.replace([]);
  expect(await store.sample?.(2, never)).toHaveLength(2);
  expect(ops()).toEqual(['read', 'count', 'replace', 'sample']);
  expect(used.map(([, seconds]) => seconds)).toEqual([0.03, 0, 0, 0]);
  for await (const page of store.scan(null, 2, never)) expect(page.refs.length).toBeGreaterThan(0);
  // Two pages, and the look that finds no more.
  expect(ops().slice(4)).toEqual(['scan', 'scan', 'scan']);
});

test('the time that a reader of a scan takes for itself is not counted', async () => {
  const { store, used } = createMeasured();
  for await (const _page of store.scan(null, 3, never)) vi.advanceTimersByTime(150);
  expect(used.map(([, seconds]) => seconds)).toEqual([0, 0]);
});

test('a round trip that fails is timed too, and its fault passes unchanged', async () => {
  const fault = storeDown();
  const { store, ops } = createMeasured({ read: () => Promise.reject(fault) });
  await expect(store.read(['1'])).rejects.toBe(fault);
  expect(ops()).toEqual(['read']);
});

test('a scan that is left early ends the scan of the store', async () => {
  let ended = false;
  const { store } = createMeasured({
    async *scan() {
      try {
        for (let page = 0; ; page += 1) yield { refs: [String(page)], cursor: String(page) };
      } finally {
        ended = true;
      }
    },
  });
  for await (const page of store.scan(null, 1, never)) if (page.refs[0] === '3') break;
  expect(ended).toBe(true);
});
