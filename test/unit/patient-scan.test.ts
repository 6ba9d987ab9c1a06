import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { scanPatiently } from '../../src/rotation/patient-scan.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { createMemoryStore, storeDown } from '../support/memory-store.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Twenty records in a store whose scans fail with `fault` after each page, until `outages` are over. */
function storeWithOutages(outages: number, fault = storeDown()): Pick<RecordStore, 'scan'> {
  const store = createMemoryStore();
  for (let id = 10; id < 30; id += 1)
    store.rows.set(String(id), { value: new Uint8Array(), keyVersion: null });
  let left = outages;
  return {
    async *scan(from, limit, signal) {
      for await (const page of store.scan(from, limit, signal)) {
        yield page;
        if (left > 0) {
          left -= 1;
          throw fault;
        }
      }
    },
  };
}

async function collect(store: Pick<RecordStore, 'scan'>, signal: AbortSignal): Promise<string[]> {
  const refs: string[] = [];
  const patience = { signal, patienceMs: Infinity, onFault: () => undefined };
  for await (const page of scanPatiently(store.scan, '12', 4, patience)) refs.push(...page.refs);
  return refs;
}

const never = new AbortController().signal;

test('an outage in mid scan leaves no record out, and gives none twice', async () => {
  const scanned = collect(storeWithOutages(3), never);
  await vi.runAllTimersAsync();
  expect(await scanned).toEqual(Array.from({ length: 17 }, (_, i) => String(13 + i)));
});

test('a fault that does not pass ends the scan', async () => {
  const fault = new Fault('rotation', 'NO_TABLE', 'the table is gone', { peer: 'store' });
  await expect(collect(storeWithOutages(1, fault), never)).rejects.toBe(fault);
});

test('a scan that is stopped during an outage ends quietly', async () => {
  const stop = new AbortController();
  const scanned = collect(storeWithOutages(Infinity), stop.signal);
  stop.abort();
  await vi.runAllTimersAsync();
  expect(await scanned).toEqual(expect.any(Array));
});

test('a reader that has enough lets the scan of the store end', async () => {
  let ended = false;
  const store: Pick<RecordStore, 'scan'> = {
    async *scan() {
      try {
        for (;;) yield { refs: ['a'], cursor: 'a' };
      } finally {
        ended = true;
      }
    },
  };
  const patience = { signal: never, patienceMs: Infinity, onFault: () => undefined };
  for await (const page of scanPatiently(store.scan, null, 1, patience)) {
    expect(page.refs).toEqual(['a']);
    break;
  }
  expect(ended).toBe(true);
});
