import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { enqueueStore } from '../../src/producer/enqueue.ts';
import { openLateBatches } from '../../src/producer/enqueue-late.ts';
import { hasLostBatches } from '../../src/producer/open-pass.ts';
import { putBackFailures, type PutBackDeps } from '../../src/producer/put-back.ts';
import { Fault } from '../../src/rotation/faults.ts';
import type { BatchQueue } from '../../src/rotation/ports/batch-queue.ts';
import { sealFor } from '../support/memory-kms.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { openParts, type Parts } from '../support/rotation-parts.ts';

const never = new AbortController().signal;

describe.each(['redis', 'postgres'] as const)('putting failed records back over %s', (kind) => {
  let parts: Parts;
  let deps: PutBackDeps;
  beforeEach(async () => {
    parts = await openParts((kind === 'redis' ? await freshRedis() : await freshDatabase()).url);
    deps = { ...parts.broker, batchSize: 4, onFault: () => undefined };
  });
  afterEach(() => parts.close());

  const snapshot = () => parts.broker.ledger.snapshot();
  const putBack = (code: string | null = null) => putBackFailures(deps, 'e1', code, never);
  const finished = () =>
    vi.waitFor(async () => expect((await snapshot()).state).toBe('finished'), {
      timeout: 15_000,
      interval: 25,
    });
  function spoil(refs: readonly string[], how: 'foreign' | 'empty'): void {
    for (const ref of refs) {
      const value = how === 'empty' ? new Uint8Array() : sealFor('foreign', 'v1', `c/${ref}`, 'x');
      parts.core.store.rows.set(ref, { value, keyVersion: null });
    }
  }
  /** Ends a pass over 30 records of which 10 fail, and mends them. */
  async function failTen(): Promise<void> {
    const refs = parts.core.seed(30);
    spoil(refs.slice(0, 6), 'foreign');
    spoil(refs.slice(6, 10), 'empty');
    await parts.begin('e1', 7);
    parts.startWorker();
    await finished();
    // The ledger has counted a batch before the queue is told that it is done.
    await vi.waitFor(async () => expect(await parts.broker.queue.depth()).toBe(0), { timeout: 15_000 });
    parts.core.seed(10);
  }
  const dying = (): BatchQueue => ({
    ...parts.broker.queue,
    add: async () => {
      throw new Fault('rotation', 'KILLED', 'killed');
    },
  });

  test('what was mended is rotated, leaves the list, and is counted once', async () => {
    await failTen();
    expect((await snapshot()).tally).toMatchObject({ rotated: 20, failed: 10 });
    expect(await putBack()).toBe(10);
    await finished();
    const { tally, enqueued, before } = await snapshot();
    expect(tally).toMatchObject({ rotated: 30, skipped: 0, missing: 0, failed: 0 });
    expect(enqueued).toBe(30);
    expect(before).toEqual({ v1: 30 });
    expect(await parts.broker.ledger.failures(null, 10)).toEqual([]);
    expect(await putBack()).toBe(0);
    expect((await snapshot()).state).toBe('finished');
  });

  test('those of one code alone go back', async () => {
    await failTen();
    const codes = await parts.broker.ledger.failureCodes();
    expect(Object.values(codes)).toEqual([6, 4]);
    expect(await putBack('BAD_FORMAT')).toBe(4);
    await finished();
    expect((await snapshot()).tally).toMatchObject({ rotated: 24, failed: 6 });
    expect(await parts.broker.ledger.failureCodes()).not.toHaveProperty('BAD_FORMAT');
    expect(await putBack('NO_SUCH_CODE')).toBe(0);
  });

  test('records that fail again at once are tried once more, not for ever', async () => {
    await failTen();
    spoil(['1', '2', '3'], 'empty');
    // The worker settles each batch before the next one is looked for.
    const { queue } = parts.broker;
    const slow = {
      ...queue,
      add: async (batches: Parameters<BatchQueue['add']>[0]) => {
        await queue.add(batches);
        await finished();
      },
    };
    expect(await putBackFailures({ ...deps, queue: slow }, 'e1', null, never)).toBe(10);
    await finished();
    expect((await snapshot()).tally).toMatchObject({ rotated: 27, failed: 3 });
  });

  test('of a paused rotation they wait for its resumption', async () => {
    parts.core.seed(60);
    // Of one batch.
    spoil(['1', '10'], 'foreign');
    await parts.begin('e1', 2);
    parts.startWorker({ maxFailures: 1 });
    await vi.waitFor(async () => expect((await snapshot()).pauseCause).toBe('failures'), { timeout: 15_000 });
    parts.core.seed(10);
    expect(await putBack()).toBe(2);
    expect(await snapshot()).toMatchObject({ state: 'paused', tally: { failed: 0 } });
    // What was put back no longer counts against the limit.
    await parts.broker.ledger.resume();
    await finished();
    expect((await snapshot()).tally).toMatchObject({ rotated: 60, failed: 0 });
  });

  test.each([
    ['another retry', () => putBack()],
    ['a look for lost batches', () => hasLostBatches(parts.broker, never)],
    [
      'a producer',
      () =>
        enqueueStore(
          { ...deps, ...parts.broker, store: parts.core.store, batchSize: 4, backlog: 10 },
          'e1',
          never,
        ),
    ],
  ])('one that dies between ledger and queue loses nothing: %s adds the batch', async (_name, next) => {
    await failTen();
    await expect(putBackFailures({ ...deps, queue: dying() }, 'e1', null, never)).rejects.toMatchObject({
      code: 'KILLED',
    });
    expect(await snapshot()).toMatchObject({ state: 'running', tally: { failed: 6 } });
    expect(await parts.broker.queue.depth()).toBe(0);
    expect(await next()).not.toBe(true);
    await finished();
    const { tally, enqueued } = await snapshot();
    expect(tally.rotated + tally.failed).toBe(enqueued);
    expect(tally.rotated).toBeGreaterThanOrEqual(24);
  });

  test('late writers are not staged over a batch that did not reach the queue', async () => {
    await failTen();
    // The pass is open for late writers when the other one dies.
    const late = openLateBatches({ ...deps, onExtended: async () => undefined }, 'e1', never);
    parts.core.seed(30);
    await late.add(['20']);
    await vi.waitFor(async () => expect((await snapshot()).tally.rotated).toBe(21), { timeout: 15_000 });
    await expect(putBackFailures({ ...deps, queue: dying() }, 'e1', null, never)).rejects.toMatchObject({
      code: 'KILLED',
    });
    await late.add(['21']);
    await late.close();
    await finished();
    const { tally, enqueued, batches, settledBatches } = await snapshot();
    expect(settledBatches).toBe(batches);
    expect(tally).toMatchObject({ rotated: 26, failed: 6 });
    expect(enqueued).toBe(32);
  });

  test('two at a time put each record back once', async () => {
    await failTen();
    // Both may stage the very same batch, and count it.
    for (const count of await Promise.all([putBack(), putBack()])) expect(count).toBeLessThanOrEqual(10);
    await finished();
    expect(await snapshot()).toMatchObject({ enqueued: 30, tally: { rotated: 30, skipped: 0, failed: 0 } });
  });

  test('beside a producer that is still enqueuing, no batch is lost or counted twice', async () => {
    const { ledger } = parts.broker;
    parts.core.seed(60);
    spoil(['1', '2', '3', '4', '5'], 'foreign');
    await ledger.begin({
      epoch: 'e1',
      pin: { keyId: 'k1', versionId: 'v2' },
      planDigest: 'sha256:plan',
      planParts: {},
      estimate: 60,
    });
    parts.startWorker();
    const producing = enqueueStore(
      { ...deps, store: parts.core.store, batchSize: 3, backlog: 2 },
      'e1',
      never,
    );
    await vi.waitFor(async () => expect((await snapshot()).tally.failed).toBe(5), { timeout: 15_000 });
    parts.core.seed(5);
    expect(await putBackFailures({ ...deps, batchSize: 1 }, 'e1', null, never)).toBe(5);
    expect(await producing).toBe('complete');
    await finished();
    expect(await snapshot()).toMatchObject({
      enqueued: 60,
      tally: { rotated: 60, skipped: 0, missing: 0, failed: 0 },
    });
  });

  test('a pass that another one has followed takes nothing back', async () => {
    await failTen();
    await parts.broker.ledger.cancel();
    expect(await putBackFailures(deps, 'another', null, never)).toBe(0);
    expect((await snapshot()).tally.failed).toBe(10);
  });
});
