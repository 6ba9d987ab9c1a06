import { describe, expect, test, vi } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import { processBatch } from '../../src/worker/process-batch.ts';
import { batchOf, createCore, forbidden, throttled, transient } from '../support/core.ts';
import { openSealed, sealFor } from '../support/memory-kms.ts';
import { storeDown } from '../support/memory-store.ts';

const never = new AbortController().signal;

describe('faults', () => {
  test('a bad ciphertext is set aside with code and request id, the others go on', async () => {
    const core = createCore();
    const refs = core.seed(5);
    core.store.rows.set('3', { value: sealFor('foreign', 'v1', 'c/3', 'x'), keyVersion: null });
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 4, failed: 1 });
    expect(account.failures()).toMatchObject([
      { ref: '3', code: 'INVALID_ARGUMENT', requestId: 'r1', attempts: 1 },
    ]);
  });

  test('a value that does not fit the format is set aside without a call', async () => {
    const core = createCore();
    const refs = core.seed(1);
    core.store.rows.set('1', { value: new Uint8Array(), keyVersion: null });
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.failures()).toMatchObject([{ ref: '1', code: 'BAD_FORMAT', attempts: 0 }]);
    expect(core.kms.calls.length).toBe(0);
  });

  test('a rotation fault stops the batch, sets nothing aside, and what was paid for is written', async () => {
    const core = createCore();
    const refs = core.seed(40);
    core.kms.trouble = (_item, call) => {
      if (call > 10) throw forbidden();
      return undefined;
    };
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(stoppedBy?.code).toBe('PERMISSION_DENIED');
    expect(account.tally()).toMatchObject({ rotated: 10, failed: 0 });
    expect(account.left.size).toBe(30);
    // Ten that succeeded, and no more than were in flight or about to be.
    expect(core.kms.calls.length).toBeLessThanOrEqual(10 + 2 * 8);
  });

  test('a transient fault is tried again and costs nothing', async () => {
    const core = createCore();
    const refs = core.seed(30);
    core.kms.trouble = (_item, call) => {
      if (call % 3 === 0) throw transient();
      return undefined;
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 30, failed: 0 });
  });

  test('a 429 lowers the pace and never sets a record aside', async () => {
    const core = createCore();
    const refs = core.seed(2);
    core.kms.trouble = (_item, call) => {
      if (call <= 20) throw throttled(call === 1 ? 2 : undefined);
      return undefined;
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 2, failed: 0 });
    expect(core.pace.penalties).toContain(2);
    expect(core.pace.penalties).toContain(1000);
  });

  test('a poisonous record is set aside with its last code while others succeed', async () => {
    const core = createCore({ attempts: 3 });
    const refs = core.seed(50);
    core.kms.trouble = (item) => {
      if (openSealed(item.ciphertext).plaintext === 'plain-7') throw transient('INTERNAL');
      return undefined;
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 49, failed: 1 });
    expect(account.failures()).toMatchObject([{ ref: '7', code: 'INTERNAL' }]);
  });

  test('a poisonous record alone is told from an outage by a probe', async () => {
    const core = createCore({ attempts: 3 });
    const refs = core.seed(1);
    core.kms.trouble = () => {
      throw transient('INTERNAL');
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.failures()).toMatchObject([{ ref: '1', code: 'INTERNAL' }]);
    expect(core.kms.probes).toBeGreaterThanOrEqual(3);
  });

  test('an outage costs no attempt, however often the calls fail', async () => {
    const core = createCore({ attempts: 3 });
    const refs = core.seed(3);
    core.kms.trouble = (_item, call) => {
      if (call <= 60) throw transient();
      return undefined;
    };
    core.kms.probeTrouble = () => {
      if (core.kms.calls.length <= 60) throw transient();
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 3, failed: 0 });
  });

  test('a lone record is not blamed for a brown-out that its probes meet, too', async () => {
    const core = createCore({ attempts: 8 });
    const refs = core.seed(1);
    const failuresOfRecord = 12;
    let probes = 0;
    core.kms.trouble = (_item, call) => {
      if (call <= failuresOfRecord) throw transient();
    };
    core.kms.probeTrouble = () => {
      probes += 1;
      if (probes % 3 === 0) throw transient();
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 1, failed: 0 });
  });

  test('a probe that meets a rotation fault stops the batch', async () => {
    const core = createCore();
    const refs = core.seed(1);
    core.kms.trouble = () => {
      throw transient();
    };
    core.kms.probeTrouble = () => {
      throw forbidden();
    };
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(stoppedBy?.code).toBe('PERMISSION_DENIED');
    expect(account.left.size).toBe(1);
  });

  test('an outage of the store is waited out', async () => {
    const core = createCore();
    const refs = core.seed(2);
    let down = 2;
    core.store.beforeRead = () => {
      if (down-- > 0) throw storeDown();
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 2 });
    expect(core.faults.map(({ code }) => code)).toEqual(['STORE_DOWN', 'STORE_DOWN']);
  });

  test('a KMS that answers nobody for half a minute gives the batch back, with nothing set aside', async () => {
    const core = createCore();
    const refs = core.seed(2);
    const clock = vi.spyOn(performance, 'now');
    let now = 0;
    clock.mockImplementation(() => now);
    core.kms.trouble = () => {
      now += 4000;
      throw transient();
    };
    core.kms.probeTrouble = () => {
      throw transient();
    };
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    clock.mockRestore();
    expect(stoppedBy?.code).toBe('UNAVAILABLE');
    expect([...account.left]).toEqual(refs);
    expect(account.tally()).toMatchObject({ rotated: 0, failed: 0 });
  });

  test('a record fault that an adapter throws stays with its record', async () => {
    const core = createCore();
    const refs = core.seed(2);
    core.kms.trouble = (item) => {
      if (openSealed(item.ciphertext).plaintext === 'plain-1')
        throw new Fault('record', 'TOO_LONG', 'too long');
      return undefined;
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.failures()).toMatchObject([{ ref: '1', code: 'TOO_LONG' }]);
    expect(account.tally()).toMatchObject({ rotated: 1, failed: 1 });
  });

  test('a new ciphertext that its value cannot hold is a fault of its record alone', async () => {
    const core = createCore();
    const refs = core.seed(3);
    core.kms.trouble = (item) =>
      openSealed(item.ciphertext).plaintext === 'plain-2'
        ? {
            keyId: 'k1',
            versionId: 'v2',
            sourceKeyId: 'k1',
            sourceVersionId: 'v1',
            ciphertext: Buffer.from([0xff, 0xfe]),
          }
        : undefined;
    const deps = { ...core.deps, format: createFormat('text') };
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, deps, never);
    expect(stoppedBy).toBeNull();
    expect(account.failures()).toMatchObject([{ ref: '2', code: 'BAD_FORMAT', attempts: 1 }]);
    expect(account.tally()).toMatchObject({ rotated: 2, failed: 1 });
  });

  test('a reply without a result is a passing trouble', async () => {
    const core = createCore();
    const refs = core.seed(1);
    const { reEncrypt } = core.kms;
    let calls = 0;
    core.kms.reEncrypt = async (items, signal) => {
      calls += 1;
      return calls === 1 ? [] : reEncrypt(items, signal);
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 1 });
    expect(core.faults.map(({ code }) => code)).toContain('BAD_REPLY');
  });

  test('a pace that cannot be told of a 429 does not stop the record', async () => {
    const core = createCore();
    const refs = core.seed(1);
    core.pace.penalize = async () => {
      throw new Fault('transient', 'BROKER_UNREACHABLE', 'broker is out of reach', { peer: 'broker' });
    };
    core.kms.trouble = (_item, call) => {
      if (call === 1) throw throttled(1);
      return undefined;
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 1 });
    expect(core.faults.map(({ code }) => code)).toContain('BROKER_UNREACHABLE');
  });

  test('a store that refuses us stops the batch with everything left', async () => {
    for (const where of ['beforeRead', 'beforeReplace'] as const) {
      const core = createCore();
      const refs = core.seed(2);
      core.store[where] = () => {
        throw new Fault('rotation', 'PERMISSION_DENIED', 'store denies', { peer: 'store' });
      };
      const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
      expect(stoppedBy?.peer).toBe('store');
      expect(account.left.size).toBe(2);
    }
  });
});

test('a value that cannot be had is the fault of its record alone', async () => {
  const core = createCore();
  const refs = core.seed(2);
  const archived = new Fault('record', 'S3_OBJECT_ARCHIVED', 'restore it first');
  const { read } = core.store;
  const store = {
    ...core.store,
    read: async (wanted: readonly string[]) =>
      (await read(wanted)).map((record) =>
        record.ref === '2' ? { ...record, value: new Uint8Array(), fault: archived } : record,
      ),
  };
  const { account, stoppedBy } = await processBatch(batchOf(refs), null, { ...core.deps, store }, never);
  expect(stoppedBy).toBeNull();
  expect(account.failures()).toMatchObject([{ ref: '2', code: 'S3_OBJECT_ARCHIVED', attempts: 0 }]);
  expect(account.tally()).toMatchObject({ rotated: 1, failed: 1 });
});
