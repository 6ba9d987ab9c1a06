import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { enqueueStore, type EnqueueDeps } from '../../src/producer/enqueue.ts';
import { openLateBatches } from '../../src/producer/enqueue-late.ts';
import { hasLostBatches, openPass, type OpenPassDeps } from '../../src/producer/open-pass.ts';
import { Fault } from '../../src/rotation/faults.ts';
import type { BatchQueue } from '../../src/rotation/ports/batch-queue.ts';
import { createCore } from '../support/core.ts';
import { sealFor } from '../support/memory-kms.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { openParts, planDigest, planParts, type Parts } from '../support/rotation-parts.ts';

const never = new AbortController().signal;

describe.each(['redis', 'postgres'] as const)('producer over %s', (kind) => {
  let parts: Parts;
  let deps: EnqueueDeps;
  beforeEach(async () => {
    parts = await openParts(
      (kind === 'redis' ? await freshRedis() : await freshDatabase()).url,
      createCore(),
    );
    deps = {
      ...parts.broker,
      store: parts.core.store,
      batchSize: 10,
      backlog: 1000,
      onFault: () => undefined,
    };
    await parts.broker.ledger.begin({
      epoch: 'e1',
      pin: { keyId: 'k1', versionId: 'v2' },
      planDigest,
      planParts,
      estimate: 0,
    });
  });
  afterEach(() => parts.close());

  const finished = () =>
    vi.waitFor(async () => expect((await parts.broker.ledger.snapshot()).state).toBe('finished'), {
      timeout: 15_000,
    });

  test('the whole store is enqueued, and a second producer has nothing to do', async () => {
    parts.core.seed(95);
    expect(await enqueueStore(deps, 'e1', never)).toBe('complete');
    expect(await parts.broker.ledger.snapshot()).toMatchObject({ enqueued: 95, batches: 10, scanned: true });
    expect(await parts.broker.queue.depth()).toBe(10);
    expect(await enqueueStore(deps, 'e1', never)).toBe('complete');
    expect(await parts.broker.ledger.snapshot()).toMatchObject({ enqueued: 95, batches: 10 });
  });

  test('an empty store is finished at once', async () => {
    expect(await enqueueStore(deps, 'e1', never)).toBe('complete');
    expect(await parts.broker.ledger.snapshot()).toMatchObject({ state: 'finished', enqueued: 0 });
  });

  test('a producer that dies between ledger and queue loses no batch', async () => {
    parts.core.seed(60);
    let adds = 0;
    const dying: BatchQueue = {
      ...parts.broker.queue,
      add: async (batches) => {
        adds += 1;
        if (adds === 3) throw new Fault('rotation', 'KILLED', 'killed');
        return parts.broker.queue.add(batches);
      },
    };
    await expect(enqueueStore({ ...deps, queue: dying }, 'e1', never)).rejects.toMatchObject({
      code: 'KILLED',
    });
    // What the table holds has changed meanwhile: the staged batch keeps its own references.
    parts.core.store.rows.delete('20');
    expect(await enqueueStore(deps, 'e1', never)).toBe('complete');
    parts.startWorker();
    await finished();
    expect((await parts.broker.ledger.snapshot()).tally).toMatchObject({ rotated: 59, missing: 1 });
  });

  test('two producers at a time enqueue each record once', async () => {
    parts.core.seed(400);
    const ends = await Promise.all([enqueueStore(deps, 'e1', never), enqueueStore(deps, 'e1', never)]);
    expect(ends).toEqual(['complete', 'complete']);
    parts.startWorker();
    await finished();
    expect(await parts.broker.ledger.snapshot()).toMatchObject({
      enqueued: 400,
      tally: { rotated: 400, skipped: 0, missing: 0, failed: 0 },
    });
  });

  test('the broker never holds more than the backlog', async () => {
    parts.core.seed(100);
    const { queue } = parts.broker;
    const depths: number[] = [];
    let looks = 0;
    const watched: BatchQueue = {
      ...queue,
      add: async (batches) => {
        await queue.add(batches);
        depths.push(await queue.depth());
      },
      depth: async () => {
        looks += 1;
        return queue.depth();
      },
    };
    const producing = enqueueStore({ ...deps, queue: watched, backlog: 3 }, 'e1', never);
    // It has looked for room again and again, and added nothing.
    await vi.waitFor(() => expect(looks).toBeGreaterThan(4));
    expect(depths).toEqual([1, 2, 3]);
    parts.startWorker();
    expect(await producing).toBe('complete');
    await finished();
    expect(depths.length).toBe(10);
    expect(Math.max(...depths)).toBeLessThanOrEqual(3);
  });

  test('a stop ends it, also while it waits for room', async () => {
    parts.core.seed(100);
    const stop = new AbortController();
    const producing = enqueueStore({ ...deps, backlog: 2 }, 'e1', stop.signal);
    await vi.waitFor(async () => expect(await parts.broker.queue.depth()).toBe(2));
    stop.abort();
    expect(await producing).toBe('interrupted');
  });

  test('a cancelled rotation, or another pass, ends it', async () => {
    parts.core.seed(100);
    const producing = enqueueStore({ ...deps, backlog: 2 }, 'e1', never);
    await vi.waitFor(async () => expect(await parts.broker.queue.depth()).toBe(2));
    await parts.broker.ledger.cancel();
    expect(await producing).toBe('superseded');
    expect(await enqueueStore(deps, 'another', never)).toBe('superseded');
  });

  test('late writers are added to the finished pass, but not what is known to fail', async () => {
    const refs = parts.core.seed(30);
    const bad = { value: sealFor('foreign', 'v1', 'c/7', 'x'), keyVersion: null };
    parts.core.store.rows.set('7', bad);
    await enqueueStore(deps, 'e1', never);
    parts.startWorker();
    await finished();
    parts.core.seed(30);
    parts.core.store.rows.set('7', bad);
    let extended = 0;
    const hooks = { onFault: () => undefined, onExtended: async () => void (extended += 1) };
    const late = openLateBatches({ ...parts.broker, ...hooks }, 'e1', never);
    await Promise.all([late.add(refs.slice(0, 10)), late.add(['7']), late.add(refs.slice(10))]);
    expect(await late.close()).toBe(true);
    await finished();
    expect(await parts.broker.ledger.snapshot()).toMatchObject({
      enqueued: 59,
      tally: { rotated: 58, failed: 1 },
    });
    expect(await openLateBatches({ ...parts.broker, ...hooks }, 'e1', never).close()).toBe(false);
    expect(extended).toBe(1);
  });

  describe('opening a pass', () => {
    const open = (change: Partial<OpenPassDeps> = {}) =>
      openPass(
        {
          ...parts.broker,
          planDigest,
          planParts,
          choosePin: async () => ({ keyId: 'k1', versionId: 'v9' }),
          countRecords: async () => 5,
          ...change,
        },
        never,
      );

    test('a pass under way is resumed with its pin, a finished one is followed by a new one', async () => {
      expect(await open()).toMatchObject({ how: 'resumed', snapshot: { pass: 1, pin: { versionId: 'v2' } } });
      await enqueueStore(deps, 'e1', never);
      expect(await open()).toMatchObject({
        how: 'begun',
        snapshot: { pass: 2, pin: { versionId: 'v9' }, estimate: 5 },
      });
    });

    test('another plan than the pass began with is refused by what differs, with the pin and the way out', async () => {
      const other = { planDigest: 'sha256:other', planParts: { ...planParts, source: 'x', format: 'y' } };
      await expect(open(other)).rejects.toMatchObject({
        faultClass: 'usage',
        code: 'PLAN_CHANGED',
        message: expect.stringMatching(/differs in source and format from .* version v2 of key k1.*cancel/),
      });
    });

    test('a queue that lost its batches is found, and the store is scanned again with the same pin', async () => {
      parts.core.seed(20);
      await enqueueStore(deps, 'e1', never);
      expect(await hasLostBatches(parts.broker, never)).toBe(false);
      await parts.broker.queue.drain();
      const opened = await open();
      expect(opened).toMatchObject({
        how: 'restarted',
        snapshot: { pass: 2, pin: { versionId: 'v2' }, enqueued: 0 },
      });
      await enqueueStore(deps, opened.snapshot.epoch ?? '', never);
      parts.startWorker();
      await finished();
      expect((await parts.broker.ledger.snapshot()).tally).toMatchObject({ rotated: 20 });
    });
  });
});
