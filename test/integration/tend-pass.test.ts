import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { enqueueStore } from '../../src/producer/enqueue.ts';
import { tendPass } from '../../src/producer/tend-pass.ts';
import type { Fault } from '../../src/rotation/faults.ts';
import { createCore } from '../support/core.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { openParts, planDigest, planParts, type Parts } from '../support/rotation-parts.ts';

const minute = 60_000;

describe.each(['redis', 'postgres'] as const)('a pass over %s that only workers are left to see', (kind) => {
  let parts: Parts;
  let now: number;
  let faults: Fault[];
  let stop: AbortController;
  beforeEach(async () => {
    parts = await openParts(
      (kind === 'redis' ? await freshRedis() : await freshDatabase()).url,
      createCore(),
    );
    now = 0;
    faults = [];
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await parts.close();
  });

  /** Looks as often as it is let, and sees the ledger as it is; `now` goes on by `stepMs` before each look. */
  function tend(stepMs: number): { looks: () => number; taken: string[] } {
    const { ledger, queue } = parts.broker;
    const taken: string[] = [];
    let looks = 0;
    let snapshot: Awaited<ReturnType<typeof ledger.snapshot>> | null = null;
    void tendPass(
      {
        ledger,
        queue,
        planDigest,
        planParts,
        choosePin: () => Promise.reject(new Error('the pin is known')),
        countRecords: async () => 30,
        lastSeen: () => snapshot,
        enqueue: async ({ how, snapshot: { epoch } }) => {
          taken.push(how);
          const deps = {
            ledger,
            queue,
            store: parts.core.store,
            batchSize: 10,
            backlog: 100,
            onFault: () => undefined,
          };
          await enqueueStore(deps, epoch ?? '', stop.signal);
        },
        onFault: (fault) => void faults.push(fault),
        nowMs: () => now,
        betweenLooks: async () => {
          snapshot = await ledger.snapshot();
          now += stepMs;
          looks += 1;
        },
      },
      stop.signal,
    );
    return { looks: () => looks, taken };
  }
  const patient = { timeout: 20_000, interval: 20 };
  const finished = (): Promise<void> =>
    vi.waitFor(async () => expect((await parts.broker.ledger.snapshot()).state).toBe('finished'), patient);

  test('batches that the queue has lost are enqueued again by a worker, without a command', async () => {
    parts.core.seed(30);
    await parts.begin('e1', 10);
    await parts.broker.queue.drain();
    const { taken } = tend(minute / 2);
    parts.startWorker();
    await finished();
    expect(taken).toEqual(['restarted']);
    expect(faults).toEqual([]);
    expect((await parts.broker.ledger.snapshot()).tally).toMatchObject({ rotated: 30, failed: 0 });
  });

  test('a scan whose producer has gone is brought to its end by a worker', async () => {
    parts.core.seed(30);
    const { ledger, queue } = parts.broker;
    await ledger.begin({
      epoch: 'e1',
      pin: { keyId: 'k1', versionId: 'v2' },
      planDigest,
      planParts,
      estimate: 30,
    });
    parts.startWorker();
    const { taken } = tend(minute);
    await finished();
    expect(taken).toEqual(['resumed']);
    // The last job leaves the queue just after the ledger knows of its end.
    await vi.waitFor(async () => expect(await queue.depth()).toBe(0), patient);
    expect(await ledger.snapshot()).toMatchObject({ pass: 1, enqueued: 30 });
  });

  test('a batch that waits for a time which a wrong clock told is given out', async () => {
    parts.core.seed(10);
    await parts.begin('e1', 10);
    const ahead = parts.broker.queue.consume(
      async ({ refs }) => ({
        kind: 'handedBack',
        progress: {
          tally: { rotated: 0, skipped: 0, missing: 0, failed: 0, conflicts: 0 },
          failures: [],
          before: {},
          left: [...refs],
          fruitless: 1,
        },
        delayMs: 24 * 60 * minute,
      }),
      1,
    );
    await vi.waitFor(
      async () => expect(await parts.broker.queue.counts()).toMatchObject({ delayed: 1 }),
      patient,
    );
    await ahead.close(1000);
    parts.startWorker();
    const { taken } = tend(minute / 2);
    await finished();
    expect(taken).toEqual([]);
  });

  test.each(['moving', 'paused', 'finished'])('a pass that is %s is let alone', async (how) => {
    parts.core.seed(30);
    await parts.begin('e1', 10);
    if (how === 'finished') {
      parts.startWorker();
      await finished();
    } else {
      await parts.broker.queue.drain();
    }
    if (how === 'paused') await parts.broker.ledger.pause('operator', 'by hand');
    const { looks, taken } = tend(how === 'moving' ? 1 : minute);
    await vi.waitFor(() => expect(looks()).toBeGreaterThan(20), patient);
    expect(taken).toEqual([]);
    expect(await parts.broker.ledger.snapshot()).toMatchObject({ pass: 1, epoch: 'e1' });
    expect(faults).toEqual([]);
  });
});
