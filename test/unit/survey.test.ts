import { describe, expect, test } from 'vitest';
import { sampleRecords } from '../../src/census/sample-records.ts';
import { surveyRecords } from '../../src/census/survey.ts';
import { createLocalPace } from '../../src/rotation/calls/local-pace.ts';
import type { Goal } from '../../src/rotation/goal.ts';
import { createCore, forbidden, goalOf } from '../support/core.ts';
import { sealFor } from '../support/memory-kms.ts';

const never = new AbortController().signal;

function createScene(goal: Goal = goalOf(), regenerates = false) {
  const core = createCore({ goal });
  const { calls, store } = core;
  const { format } = core.deps;
  const patience = { signal: never, patienceMs: 0, onFault: calls.onFault };
  const survey = (refs: readonly string[], signal = never) =>
    surveyRecords(
      { store, format, goal, calls, regenerates, pageSize: 2, patience: { ...patience, signal } },
      refs,
    );
  return { ...core, patience, survey };
}

describe('a survey', () => {
  test('tells what is done from what is not, by the KMS where no header tells, and writes nothing', async () => {
    const { seed, store, survey } = createScene();
    seed(3);
    store.rows.set('2', { value: sealFor('k1', 'v2', 'c/2', 'plain'), keyVersion: null });
    const before = structuredClone([...store.rows]);
    const surveyed = await survey(['1', '2', '3', 'gone']);
    expect(surveyed.toSorted((left, right) => left.ref.localeCompare(right.ref))).toMatchObject([
      { ref: '1', kind: 'open', versionId: 'v1', items: 1, itemsToVerify: 1, offline: false },
      { ref: '2', kind: 'done', versionId: 'v2', items: 1 },
      { ref: '3', kind: 'open', versionId: 'v1' },
    ]);
    expect(structuredClone([...store.rows])).toEqual(before);
    expect(store.replaces).toBe(0);
  });

  test('does not ask about what its header shows to be done', async () => {
    const { kms, seed, survey } = createScene();
    kms.readable = true;
    seed(2, 'v2');
    expect(await survey(['1', '2'])).toMatchObject([
      { kind: 'done', items: 0, itemsToVerify: 0, offline: true },
      { kind: 'done', items: 0, itemsToVerify: 0, offline: true },
    ]);
    expect(kms.calls).toEqual([]);
  });

  test('finds a wrong AAD behind a header that looks well', async () => {
    const { kms, store, survey } = createScene();
    kms.readable = true;
    store.rows.set('1', { value: sealFor('k1', 'v1', 'c/another', 'plain'), keyVersion: null });
    expect(await survey(['1'])).toMatchObject([{ kind: 'failing', fault: { code: 'INVALID_ARGUMENT' } }]);
  });

  test('counts two calls for an envelope that gets a new key', async () => {
    const { seed, survey } = createScene(goalOf(), true);
    seed(1);
    expect(await survey(['1'])).toMatchObject([{ kind: 'open', items: 2 }]);
  });

  test('counts both tries where the source cannot open what is done', async () => {
    const { store, survey } = createScene(goalOf({ sourceAad: 'old/{id}' }));
    store.rows.set('1', { value: sealFor('k1', 'v2', 'c/1', 'plain'), keyVersion: null });
    store.rows.set('2', { value: sealFor('k1', 'v2', 'old/2', 'plain'), keyVersion: null });
    const surveyed = await survey(['1', '2']);
    expect(surveyed.toSorted((a, b) => a.ref.localeCompare(b.ref))).toMatchObject([
      { kind: 'done', versionId: 'v2', items: 2 },
      { kind: 'open', versionId: "v2 (with the source's AAD)", items: 1 },
    ]);
  });

  test('tells of a KMS that has not caught up with the target version', async () => {
    const { kms, seed, survey } = createScene();
    seed(1);
    kms.trouble = (item) => ({
      keyId: item.keyId,
      versionId: 'v1',
      sourceKeyId: item.sourceKeyId,
      sourceVersionId: 'v1',
      ciphertext: Buffer.from('x'),
    });
    expect(await survey(['1'])).toMatchObject([{ kind: 'lagging', versionId: 'v1' }]);
  });

  test('ends with the fault that would stop the rotation, or when it is stopped', async () => {
    const { kms, seed, survey } = createScene();
    seed(1);
    await expect(survey(['1'], AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    kms.trouble = () => {
      throw forbidden();
    };
    await expect(survey(['1'])).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});

describe('a sample of a store that has none of its own', () => {
  test('comes from its first records, and says so', async () => {
    const { store, patience } = createScene();
    for (let row = 0; row < 30_000; row += 1)
      store.rows.set(String(row).padStart(6, '0'), { value: Buffer.from('x'), keyVersion: null });
    delete store.sample;
    const { refs, among } = await sampleRecords(store, 50, patience);
    expect(among).toBe(20_000);
    expect(new Set(refs).size).toBe(50);
    expect(refs.every((ref) => Number(ref) < 20_000)).toBe(true);
  });

  test('is of all where there are fewer', async () => {
    const { seed, store, patience } = createScene();
    seed(5);
    delete store.sample;
    const { refs, among } = await sampleRecords(store, 50, patience);
    expect([refs.toSorted(), among]).toEqual([['1', '2', '3', '4', '5'], null]);
  });
});

describe('the pace of one process', () => {
  test('hands out the time of each call once, and holds all back after a 429', async () => {
    let now = 1000;
    const pace = createLocalPace(100, () => now);
    expect(await pace.take(5)).toEqual({ delayMs: 0, spacingMs: 10, effectiveRate: 100 });
    expect(await pace.take(1)).toMatchObject({ delayMs: 50 });
    now += 1000;
    expect(await pace.take(1)).toMatchObject({ delayMs: 0 });
    await pace.penalize(3000);
    await pace.penalize(3000);
    expect(await pace.take(1)).toMatchObject({ delayMs: 3000, effectiveRate: 70 });
  });

  test('without a limit waits for nothing', async () => {
    const pace = createLocalPace(null);
    expect(await pace.take(1000)).toEqual({ delayMs: 0, spacingMs: 0, effectiveRate: Infinity });
    expect((await pace.take(1000)).delayMs).toBeLessThanOrEqual(0);
  });
});
