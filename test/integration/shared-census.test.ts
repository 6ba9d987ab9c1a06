import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startCounting } from '../../src/census/count-batches.ts';
import { finishSharedCensus, type SharedCensusDeps } from '../../src/census/shared-census.ts';
import { enqueueCensus } from '../../src/producer/enqueue-census.ts';
import { Fault } from '../../src/rotation/faults.ts';
import type { BatchConsumer, BatchQueue } from '../../src/rotation/ports/batch-queue.ts';
import type { CensusLedger, CensusPlan, CensusSnapshot } from '../../src/rotation/ports/census-ledger.ts';
import { createCore, forbidden, goalOf, type Core } from '../support/core.ts';
import { sealFor } from '../support/memory-kms.ts';
import { freshRedis } from '../support/peers.ts';
import { openParts, planDigest, type Parts } from '../support/rotation-parts.ts';

const never = new AbortController().signal;

let url: string;
let parts: Parts;
let ledger: CensusLedger;
let queue: BatchQueue;
let faults: Fault[];
let counting: BatchConsumer[];

beforeEach(async () => {
  ({ url } = await freshRedis());
  parts = await openParts(url);
  const { census } = parts.broker;
  ledger = census.ledger;
  queue = census.openQueue();
  faults = [];
  counting = [];
});
afterEach(async () => {
  await Promise.all(counting.map((each) => each.close(2000)));
  await parts.close();
});

/** Counts as a worker does, over the store and the KMS of `core`. */
function count(
  core: Core,
  digest = planDigest,
  onFault: (fault: Fault) => void = (fault) => void faults.push(fault),
): BatchConsumer {
  const { store, format } = core.deps;
  const consumer = startCounting({
    queue,
    ledger,
    store,
    format,
    calls: core.calls,
    goalFor: () => goalOf(),
    planDigest: digest,
    onFault,
  });
  counting.push(consumer);
  return consumer;
}

async function open(plan: Partial<CensusPlan> = {}): Promise<CensusSnapshot> {
  const pin = { keyId: 'k1', versionId: 'v2' };
  return ledger.open(randomUUID(), { pin, deep: false, planDigest, pass: null, ...plan });
}

function finish(
  census: CensusSnapshot,
  change: Partial<SharedCensusDeps> = {},
  signal = never,
): ReturnType<typeof finishSharedCensus> {
  const { store } = parts.core;
  return finishSharedCensus(
    {
      ledger,
      queue,
      enqueue: (stop) =>
        enqueueCensus(
          { store, ledger, queue, batchSize: 10, backlog: 100, onFault: (fault) => void faults.push(fault) },
          census.id,
          stop,
        ),
      workersAlive: async () => 1,
      startCounting: (onFault) => count(parts.core, planDigest, onFault),
      onHelp: () => undefined,
      onProgress: () => undefined,
      onFault: (fault) => void faults.push(fault),
      ...change,
    },
    census,
    signal,
  );
}

/** A helper that is too slow to take anything. */
const startCountingLate = (): BatchConsumer => ({
  pause: async () => undefined,
  resume: () => undefined,
  close: async () => true,
});

describe('a shared census', () => {
  test('counts every record once, by version, and writes nothing', async () => {
    const { core } = parts;
    core.seed(95, 'v2');
    core.store.rows.set('5', { value: sealFor('k1', 'v1', 'c/5', 'late'), keyVersion: null });
    core.store.rows.set('6', { value: new Uint8Array(), keyVersion: null });
    count(core);
    count(core);
    const census = await open();
    const counted = await finish(census);
    expect(counted).toMatchObject({
      records: 95,
      byVersion: { v1: 1, v2: 93 },
      unreadable: 1,
      contradicted: 0,
      method: 'kms',
      startedAt: census.startedAt,
    });
    expect(Date.parse(counted?.finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(census.startedAt));
    expect(core.store.replaces).toBe(0);
    expect(await queue.depth()).toBe(0);
    // It is closed: the next one begins at nothing.
    expect(await open()).toMatchObject({ tally: { records: 0 } });
  });

  test('of an empty store comes to its end', async () => {
    expect(await finish(await open())).toMatchObject({ records: 0, byVersion: {} });
  });

  test.each([true, false])('asks the KMS about every record only when deep: %s', async (deep) => {
    const { core } = parts;
    core.kms.readable = true;
    core.seed(600, 'v2');
    count(core);
    const counted = await finish(await open({ deep }));
    expect(counted).toMatchObject({
      records: 600,
      byVersion: { v2: 600 },
      method: deep ? 'kms' : 'header+kms-sample',
    });
    if (deep) expect(core.kms.calls.length).toBe(600);
    // The sample is of 200 at least in the mean, and one of less than 100 a miracle.
    else expect(core.kms.calls.length).toSatisfy((calls: number) => calls > 100 && calls < 600);
  });

  test('asks the KMS again what it told for an earlier one', async () => {
    const { core } = parts;
    core.seed(20, 'v2');
    count(core);
    await finish(await open({ deep: true }));
    expect(await finish(await open({ deep: true }))).toMatchObject({ records: 20 });
    expect(core.kms.calls.length).toBe(40);
  });

  test('finds out a header that lies', async () => {
    const { core } = parts;
    core.seed(30, 'v1');
    core.kms.readVersion = () => 'v2';
    count(core);
    expect(await finish(await open())).toMatchObject({ byVersion: { v2: 30 }, contradicted: 30 });
  });

  test('is gone on with after a stop, and no record counts twice or never', async () => {
    const { core } = parts;
    core.seed(100, 'v2');
    core.kms.answers = 45;
    const census = await open({ deep: true });
    const stop = new AbortController();
    const first = finish(census, { workersAlive: async () => 0 }, stop.signal);
    await vi.waitFor(async () => expect((await ledger.snapshot())?.settledBatches).toBeGreaterThan(1), {
      timeout: 10_000,
      interval: 20,
    });
    stop.abort();
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' });
    core.kms.answers = Infinity;
    const again = await open({ deep: true });
    expect(again.id).toBe(census.id);
    expect(again.tally.records).toBeGreaterThan(0);
    expect(again.tally.records).toBeLessThan(100);
    expect(await finish(again, { workersAlive: async () => 0 })).toMatchObject({
      records: 100,
      byVersion: { v2: 100 },
      startedAt: census.startedAt,
    });
  });

  test('is counted in the own process where no worker lives', async () => {
    parts.core.seed(20, 'v2');
    const helped = vi.fn<() => void>();
    const counted = await finish(await open(), { workersAlive: async () => 0, onHelp: helped });
    expect(counted).toMatchObject({ records: 20 });
    expect(helped).toHaveBeenCalledOnce();
  });

  test('is not held up by a worker that has another config, which counts nothing', async () => {
    parts.core.seed(20, 'v2');
    const foreign = createCore();
    foreign.seed(20, 'v1');
    count(foreign, 'sha256:another');
    const census = await open();
    const finishing = finish(census, { startCounting: startCountingLate });
    await vi.waitFor(async () => expect((await queue.counts()).active).toBe(2), {
      timeout: 10_000,
      interval: 20,
    });
    count(parts.core);
    expect(await finishing).toMatchObject({ records: 20, byVersion: { v2: 20 } });
    expect(foreign.kms.calls).toEqual([]);
  });

  test('ends with the refusal that this process meets, and can be gone on with', async () => {
    const { core } = parts;
    core.seed(20, 'v2');
    core.kms.trouble = () => {
      throw forbidden();
    };
    const census = await open();
    await expect(finish(census, { workersAlive: async () => 0 })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    expect(await open()).toMatchObject({ id: census.id, tally: { records: 0 } });
  });

  test('ends with the fault that stops the scan', async () => {
    const enqueue = (): Promise<never> =>
      Promise.reject(new Fault('rotation', 'STORE_REFUSED', 'no right to read', { peer: 'store' }));
    await expect(finish(await open(), { enqueue })).rejects.toMatchObject({ code: 'STORE_REFUSED' });
  });

  test('is none where the broker loses all of it', async () => {
    const { core } = parts;
    core.seed(20, 'v2');
    const finishing = finish(await open(), { startCounting: startCountingLate });
    await vi.waitFor(async () => expect(await queue.depth()).toBe(2), { interval: 20 });
    const redis = new Redis(url);
    await redis.flushdb();
    redis.disconnect();
    expect(await finishing).toBeNull();
  });

  test('is none where the broker loses batches', async () => {
    const { core } = parts;
    core.seed(20, 'v2');
    const finishing = finish(await open(), { startCounting: startCountingLate });
    await vi.waitFor(async () => expect((await ledger.snapshot())?.scanned).toBe(true), { interval: 20 });
    await queue.drain();
    expect(await finishing).toBeNull();
  });

  test('is none where another takes its place, and its batches count nothing there', async () => {
    const { core } = parts;
    core.seed(20, 'v2');
    const census = await open();
    const finishing = finish(census, { startCounting: startCountingLate });
    await vi.waitFor(async () => expect(await queue.depth()).toBe(2), { interval: 20 });
    const next = await open({ planDigest: 'sha256:next' });
    expect(await finishing).toBeNull();
    count(core);
    await vi.waitFor(async () => expect(await queue.depth()).toBe(0), { timeout: 10_000, interval: 20 });
    expect(await ledger.snapshot()).toEqual(next);
    expect(core.kms.calls).toEqual([]);
  });
});
