import { describe, expect, test } from 'vitest';
import { takeCensus, type CensusDeps } from '../../src/census/census.ts';
import { createSample, isSampled } from '../../src/census/sample.ts';
import { createCore, forbidden, goalOf } from '../support/core.ts';
import { sealFor } from '../support/memory-kms.ts';

const never = new AbortController().signal;

function censusOf(core: ReturnType<typeof createCore>, deep = false): { deps: CensusDeps; stale: string[] } {
  const stale: string[] = [];
  const deps: CensusDeps = {
    ...core.deps,
    calls: core.calls,
    pageSize: 7,
    deep,
    onStale: async (refs) => void stale.push(...refs),
    onProgress: () => undefined,
  };
  return { deps, stale };
}

describe('census', () => {
  test.each([true, false])('it counts every record by version, headers readable: %s', async (readable) => {
    const core = createCore();
    core.kms.readable = readable;
    core.seed(40, 'v2');
    core.store.rows.set('5', { value: sealFor('k1', 'v1', 'c/5', 'late'), keyVersion: null });
    const { deps, stale } = censusOf(core);
    const count = await takeCensus(deps, never);
    expect(count).toMatchObject({
      records: 40,
      byVersion: { v1: 1, v2: 39 },
      unreadable: 0,
      contradicted: 0,
      method: readable ? 'header+kms-sample' : 'kms',
    });
    expect(stale).toEqual(['5']);
    expect(core.store.replaces).toBe(0);
  });

  test('deep asks the KMS about every record, whatever the headers say', async () => {
    const core = createCore();
    core.kms.readable = true;
    core.seed(20, 'v2');
    const { deps } = censusOf(core, true);
    expect(await takeCensus(deps, never)).toMatchObject({ method: 'kms', byVersion: { v2: 20 } });
    expect(core.kms.calls.length).toBe(20);
  });

  test('records that no key opens, or that do not fit the format, are unreadable and stale', async () => {
    const core = createCore();
    core.seed(3, 'v2');
    core.store.rows.set('1', { value: sealFor('foreign', 'v2', 'c/1', 'x'), keyVersion: null });
    core.store.rows.set('2', { value: new Uint8Array(), keyVersion: null });
    const { deps, stale } = censusOf(core);
    expect(await takeCensus(deps, never)).toMatchObject({ records: 3, unreadable: 2, byVersion: { v2: 1 } });
    expect(stale.toSorted()).toEqual(['1', '2']);
  });

  test('a header that lies is found out by the sample', async () => {
    const core = createCore();
    core.seed(10, 'v1');
    core.kms.readVersion = () => 'v2';
    const { deps } = censusOf(core);
    expect(await takeCensus(deps, never)).toMatchObject({ byVersion: { v2: 10 }, contradicted: 10 });
  });

  test("where AAD changes a header proves nothing, and the source's AAD is told from the target's", async () => {
    const core = createCore({ goal: goalOf({ targetAad: 'd/{id}' }) });
    core.kms.readable = true;
    core.seed(2, 'v2');
    core.store.rows.set('2', { value: sealFor('k1', 'v2', 'd/2', 'x'), keyVersion: null });
    const { deps, stale } = censusOf(core);
    expect(await takeCensus(deps, never)).toMatchObject({
      method: 'kms',
      byVersion: { v2: 1, "v2 (with the source's AAD)": 1 },
    });
    expect(stale).toEqual(['1']);
  });

  test('a KMS that lags or does not name the source version makes no record safe', async () => {
    const core = createCore();
    core.seed(1, 'v2');
    core.kms.trouble = (item) => ({
      keyId: 'k1',
      versionId: 'v1',
      sourceKeyId: '',
      sourceVersionId: '',
      ciphertext: item.ciphertext,
    });
    const { deps, stale } = censusOf(core);
    expect(await takeCensus(deps, never)).toMatchObject({ byVersion: { unnamed: 1 } });
    expect(stale).toEqual(['1']);
  });

  test('half a census is none: a refusal or a stop ends it with an error', async () => {
    const core = createCore();
    core.seed(30, 'v2');
    core.kms.trouble = (_item, call) => {
      if (call > 10) throw forbidden();
      return undefined;
    };
    await expect(takeCensus(censusOf(core).deps, never)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(takeCensus(censusOf(core).deps, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  test('the sample is spread over the whole store, not its first records', () => {
    const seen = new Set<number>();
    for (let run = 0; run < 200; run += 1) {
      const sample = createSample<number>(10);
      for (let item = 0; item < 1000; item += 1) sample.offer(item);
      expect(sample.taken().length).toBe(10);
      for (const item of sample.taken()) seen.add(Math.floor(item / 100));
    }
    expect([...seen].toSorted((left, right) => left - right)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('the sample that many processes take has its size wherever they are, and a small store is asked about whole', () => {
    const places = Array.from({ length: 100_000 }, (_, index) => index);
    const sample = places.filter(() => isSampled(places.length));
    expect(sample.length).toBeGreaterThan(130);
    expect(sample.length).toBeLessThan(270);
    expect(new Set(sample.map((place) => Math.floor(place / 10_000))).size).toBe(10);
    expect(places.slice(0, 200).every(() => isSampled(200))).toBe(true);
  });
});
