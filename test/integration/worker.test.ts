import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { forbidden } from '../support/core.ts';
import { openSealed, sealFor } from '../support/memory-kms.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { openParts, planParts, type Parts } from '../support/rotation-parts.ts';

describe.each(['redis', 'postgres'] as const)('worker over %s', (kind) => {
  let parts: Parts;
  beforeEach(async () => {
    parts = await openParts((kind === 'redis' ? await freshRedis() : await freshDatabase()).url);
  });
  afterEach(() => parts.close());

  const snapshot = () => parts.broker.ledger.snapshot();
  const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 15_000, interval: 25 });
  const finished = () => until(async () => expect((await snapshot()).state).toBe('finished'));

  test('two workers finish a pass together, and each record is counted once', async () => {
    parts.core.seed(400);
    await parts.begin('e1', 20);
    parts.startWorker();
    parts.startWorker();
    await finished();
    expect((await snapshot()).tally).toEqual({
      rotated: 400,
      skipped: 0,
      missing: 0,
      failed: 0,
      conflicts: 0,
    });
    // The last job leaves the queue after its batch is settled.
    await until(async () => expect(await parts.broker.queue.depth()).toBe(0));
    expect(parts.seen.batches).toEqual(Array.from({ length: 20 }, () => 'settled'));
    await until(async () => expect((await parts.broker.ledger.workers()).alive).toBe(2));
  });

  test('a worker with nothing to do waits, and takes what comes later', async () => {
    parts.startWorker();
    await until(() => expect(parts.seen.faults).toEqual([]));
    parts.core.seed(10);
    await parts.begin('e1', 5);
    await finished();
  });

  test('what is left of another pass is dropped, counted nowhere', async () => {
    parts.core.seed(10);
    await parts.broker.queue.add([{ epoch: 'old', number: 0, refs: ['1', '2'], late: false }]);
    await parts.begin('e1', 5);
    parts.startWorker();
    await finished();
    await until(() => expect(parts.seen.batches.toSorted()).toEqual(['dropped', 'settled', 'settled']));
    expect((await snapshot()).tally).toMatchObject({ rotated: 10 });
  });

  test('a job that someone else put into the queue is set aside, and harms nothing', async () => {
    parts.core.seed(4);
    const foreign = { epoch: 'e1', number: -1, refs: 'x' } as unknown as Parameters<
      typeof parts.broker.queue.add
    >[0][0];
    await parts.broker.queue.add([{ ...foreign, refs: [] as string[] }]);
    await parts.begin('e1', 4);
    parts.startWorker();
    await finished();
    await until(async () => expect((await parts.broker.queue.counts()).failed).toBe(1));
  });

  test('more failures than allowed pause the rotation, with the reason', async () => {
    const refs = parts.core.seed(400);
    for (const ref of refs.slice(0, 8)) {
      parts.core.store.rows.set(ref, { value: sealFor('foreign', 'v1', `c/${ref}`, 'x'), keyVersion: null });
    }
    await parts.begin('e1', 5);
    parts.startWorker({ maxFailures: 3 });
    await until(async () => expect((await snapshot()).state).toBe('paused'));
    expect(await snapshot()).toMatchObject({
      pauseCause: 'failures',
      reason: expect.stringContaining('limits.maxFailures (3)'),
    });
    expect(parts.seen.paused.length).toBeGreaterThan(0);
    expect(parts.seen.setAside).toContain('INVALID_ARGUMENT');
  });

  test('resume after too many failures goes on without them, until as many more have come', async () => {
    const refs = parts.core.seed(300);
    for (const ref of refs.filter((_, index) => index % 10 === 9)) {
      parts.core.store.rows.set(ref, { value: sealFor('foreign', 'v1', `c/${ref}`, 'x'), keyVersion: null });
    }
    await parts.begin('e1', 10);
    const paused = () => until(async () => expect((await snapshot()).state).toBe('paused'));
    parts.startWorker({ maxFailures: 3 });
    await paused();
    // Of two batches that came over the limit at once, each pauses.
    await until(async () => expect((await parts.broker.queue.counts()).active).toBe(0));
    await parts.broker.ledger.resume();
    const { acceptedFailures } = await snapshot();
    expect(acceptedFailures).toBeGreaterThan(3);
    await paused();
    const { reason, tally } = await snapshot();
    expect(tally.failed).toBeGreaterThan(acceptedFailures + 3);
    expect(reason).toMatch(/\d+ of them since the last resume, more than limits\.maxFailures \(3\)/);
  });

  test('a refusal pauses the rotation, sets nothing aside, and resume goes on where it stood', async () => {
    parts.core.seed(60);
    let refusing = true;
    parts.core.kms.trouble = (_item, call) => {
      if (refusing && call > 20) throw forbidden();
      return undefined;
    };
    await parts.begin('e1', 20);
    parts.startWorker();
    await until(async () => expect((await snapshot()).state).toBe('paused'));
    expect(await snapshot()).toMatchObject({ pauseCause: 'refused', reason: 'KMS denies the permission' });
    refusing = false;
    expect(await parts.broker.ledger.resume()).toBe(true);
    await finished();
    expect((await snapshot()).tally).toMatchObject({ rotated: 60, skipped: 0, failed: 0 });
  });

  test('a pause stops the calls within two seconds, a resume goes on, and nothing is counted twice', async () => {
    const core = parts.core;
    core.seed(300);
    core.kms.answers = 30;
    await parts.begin('e1', 100);
    parts.startWorker();
    await until(() => expect(core.kms.calls.length).toBeGreaterThan(30));
    await parts.broker.ledger.pause('operator', 'by hand');
    const pausedAt = performance.now();
    await until(() => expect(parts.seen.batches).toEqual(['handedBack', 'handedBack', 'handedBack']));
    expect(performance.now() - pausedAt).toBeLessThan(2000);
    expect(core.kms.calls.length).toBeLessThanOrEqual(30 + 8);
    core.kms.answers = Infinity;
    await parts.broker.ledger.resume();
    await finished();
    expect((await snapshot()).tally).toMatchObject({ rotated: 300, skipped: 0 });
    expect(core.kms.calls.length).toBeLessThanOrEqual(300 + 8);
  });

  test('a cancel ends it: queued batches are dropped, and none is touched any more', async () => {
    parts.core.seed(50);
    await parts.begin('e1', 10);
    await parts.broker.ledger.cancel();
    parts.startWorker();
    // Held from its first heartbeat on, or dropping the batches before it.
    await until(async () => expect((await parts.broker.ledger.workers()).alive).toBe(1));
    expect(parts.core.kms.calls.length).toBe(0);
    expect((await snapshot()).state).toBe('cancelled');
  });

  test('a stopped worker hands its batch back with what it did, and the next one ends it', async () => {
    const core = parts.core;
    core.seed(100);
    core.kms.answers = 20;
    await parts.begin('e1', 100);
    const first = parts.startWorker();
    await until(() => expect(core.kms.calls.length).toBeGreaterThan(20));
    expect(await first.stop(5000)).toBe(true);
    const written = [...core.store.rows.values()].filter(
      ({ value }) => openSealed(value).versionId === 'v2',
    ).length;
    expect(written).toBeGreaterThan(0);
    expect(parts.seen.batches).toEqual(['handedBack']);
    core.kms.answers = Infinity;
    parts.startWorker();
    await finished();
    expect((await snapshot()).tally).toMatchObject({ rotated: 100, skipped: 0 });
    // The worker hears of the end just after the ledger.
    await until(() =>
      expect(parts.seen.gained.map(({ rotated }) => rotated)).toEqual([written, 100 - written]),
    );
    // What the first worker rotated was under a version too.
    expect((await snapshot()).before).toEqual({ v1: 100 });
  });

  test('a worker with another config than the rotation began with touches nothing', async () => {
    parts.core.seed(10);
    await parts.begin('e1', 5);
    parts.startWorker({ planDigest: 'sha256:other', planParts: { ...planParts, store: 'other' } });
    await until(() => expect(parts.seen.fatal.length).toBeGreaterThan(0));
    expect(parts.seen.fatal[0]).toMatchObject({ code: 'PLAN_CHANGED', faultClass: 'usage' });
    expect(parts.seen.fatal[0]?.message).toContain('differs in store from');
    expect(parts.core.kms.calls.length).toBe(0);
  });

  test('records that cannot be done now come back, and do not end the others', async () => {
    parts.core.seed(10);
    let locked = true;
    parts.core.store.refuse = (ref) => (locked && ref === '3' ? 'conflict' : undefined);
    await parts.begin('e1', 10);
    parts.startWorker();
    await until(() => expect(parts.seen.batches).toContain('handedBack'));
    expect(parts.seen.faults.map(({ code }) => code)).toContain('CONTENDED');
    locked = false;
    await finished();
    expect((await snapshot()).tally).toMatchObject({ rotated: 10, failed: 0 });
  });

  test('a defect in an adapter fails no record and does not end the worker', async () => {
    parts.core.seed(5);
    let broken = true;
    const store = parts.core.store;
    const read = store.read;
    const flawed = {
      ...parts.core.deps,
      store: {
        ...store,
        read: async (refs: readonly string[]) => {
          if (broken) throw new Fault('rotation', 'TABLE_GONE', 'the table is gone', { peer: 'store' });
          return read(refs);
        },
      },
    };
    await parts.begin('e1', 5);
    parts.startWorker({ batch: flawed });
    await until(async () => expect((await snapshot()).pauseCause).toBe('refused'));
    broken = false;
    await parts.broker.ledger.resume();
    await finished();
    expect((await snapshot()).tally).toMatchObject({ rotated: 5, failed: 0 });
  });
});
