import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { processBatch } from '../../src/worker/process-batch.ts';
import { batchOf, createCore, goalOf } from '../support/core.ts';
import { openSealed, sealFor } from '../support/memory-kms.ts';
import { storeDown } from '../support/memory-store.ts';

const never = new AbortController().signal;

/** The version under which each record lies now. */
function versions(core: ReturnType<typeof createCore>): string[] {
  return [...core.store.rows.values()].map(({ value }) => openSealed(value).versionId);
}

describe('the way of a record', () => {
  test('every record comes under the pin with its plaintext and AAD unchanged', async () => {
    const core = createCore();
    const refs = core.seed(20);
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(stoppedBy).toBeNull();
    expect(account.tally()).toEqual({ rotated: 20, skipped: 0, missing: 0, failed: 0, conflicts: 0 });
    for (const [ref, { value }] of core.store.rows) {
      expect(openSealed(value)).toMatchObject({
        keyId: 'k1',
        versionId: 'v2',
        aad: `c/${ref}`,
        plaintext: `plain-${ref}`,
      });
    }
  });

  test('a batch costs one read and one replace, and one KMS call a record', async () => {
    const core = createCore();
    await processBatch(batchOf(core.seed(20)), null, core.deps, never);
    expect([core.store.reads, core.store.replaces, core.kms.calls.length]).toEqual([1, 1, 20]);
  });

  test('a record that is gone is missing, not failed', async () => {
    const core = createCore();
    const refs = core.seed(3);
    core.store.rows.delete('2');
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 2, missing: 1, failed: 0 });
  });

  test('a record under the pin is skipped without a write, and without a call where its header tells', async () => {
    for (const readable of [true, false]) {
      const core = createCore();
      core.kms.readable = readable;
      const { account } = await processBatch(batchOf(core.seed(4, 'v2')), null, core.deps, never);
      expect(account.tally()).toMatchObject({ skipped: 4, rotated: 0 });
      expect(core.store.replaces).toBe(0);
      expect(core.kms.calls.length).toBe(readable ? 0 : 4);
    }
  });

  test("a store's note of the version is believed, but not for a late writer's record", async () => {
    const core = createCore();
    const refs = core.seed(2);
    for (const row of core.store.rows.values()) row.keyVersion = 'v2';
    const believed = await processBatch(batchOf(refs), null, core.deps, never);
    expect(believed.account.tally()).toMatchObject({ skipped: 2 });
    const late = await processBatch(batchOf(refs, true), null, core.deps, never);
    expect(late.account.tally()).toMatchObject({ rotated: 2 });
  });

  test('a header that names the pin is believed, but not of a record that failed before', async () => {
    const core = createCore();
    core.kms.readable = true;
    core.store.rows.set('1', { value: sealFor('foreign', 'v2', 'c/1', 'x'), keyVersion: null });
    const believed = await processBatch(batchOf(['1']), null, core.deps, never);
    expect(believed.account.tally()).toMatchObject({ skipped: 1 });
    const putBack = await processBatch(batchOf(['1'], true), null, core.deps, never);
    expect(putBack.account.tally()).toMatchObject({ skipped: 0, failed: 1 });
  });
});

describe('compare-and-swap', () => {
  test("the application's newer value is never overwritten, and is rotated itself", async () => {
    const core = createCore();
    const refs = core.seed(2);
    let wrote = false;
    core.store.beforeReplace = () => {
      if (wrote) return;
      wrote = true;
      core.store.rows.set('1', { value: sealFor('k1', 'v1', 'c/1', 'newer'), keyVersion: null });
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toEqual({ rotated: 2, skipped: 0, missing: 0, failed: 0, conflicts: 1 });
    expect(openSealed(core.store.rows.get('1')?.value ?? new Uint8Array())).toMatchObject({
      versionId: 'v2',
      plaintext: 'newer',
    });
  });

  test('a swap whose reply was lost counts as rotated, once, and costs no second call', async () => {
    const core = createCore();
    const refs = core.seed(5);
    let lost = false;
    core.store.afterReplace = () => {
      if (lost) return;
      lost = true;
      throw storeDown();
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 5, skipped: 0 });
    expect(core.kms.calls.length).toBe(5);
  });

  test('a locked record is tried again with the same result, without a second call', async () => {
    const core = createCore();
    const refs = core.seed(1);
    let locked = 2;
    core.store.refuse = () => (locked-- > 0 ? 'conflict' : undefined);
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 1, conflicts: 2 });
    expect(core.kms.calls.length).toBe(1);
  });

  test('a record that stays locked is left for later, the others are done', async () => {
    const core = createCore();
    const refs = core.seed(3);
    core.store.refuse = (ref) => (ref === '2' ? 'conflict' : undefined);
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect([...account.left]).toEqual(['2']);
    expect(stoppedBy?.code).toBe('CONTENDED');
    expect(account.tally()).toMatchObject({ rotated: 2 });
  });

  test('a value that the store refuses is set aside with its code', async () => {
    const core = createCore();
    const refs = core.seed(2);
    const refused = new Fault('record', 'CHECK_VIOLATION', 'a constraint refuses the new value');
    core.store.refuse = (ref) => (ref === '1' ? refused : undefined);
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.failures()).toMatchObject([{ ref: '1', code: 'CHECK_VIOLATION' }]);
    expect(account.tally()).toMatchObject({ rotated: 1, failed: 1 });
  });
});

describe('the pin', () => {
  test('a reply on another version is not written, and the batch comes back for it', async () => {
    const core = createCore();
    const refs = core.seed(40);
    core.kms.trouble = (item) => ({
      keyId: item.keyId,
      versionId: 'v1',
      sourceKeyId: 'k1',
      sourceVersionId: 'v1',
      ciphertext: sealFor('k1', 'v1', 'c', 'x'),
    });
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(stoppedBy?.code).toBe('NOT_CAUGHT_UP');
    expect(account.left.size).toBe(40);
    expect(versions(core)).not.toContain('v2');
    // The rest is not asked for: a KMS that lags would only burn its quota.
    expect(core.kms.calls.length).toBeLessThanOrEqual(2 * 8);
  });

  test('replicas that have caught up are used, the records of the others are left', async () => {
    const core = createCore();
    const refs = core.seed(10);
    core.kms.trouble = (item, call) =>
      call > 1 && openSealed(item.ciphertext).plaintext === 'plain-10'
        ? {
            keyId: 'k1',
            versionId: 'v1',
            sourceKeyId: 'k1',
            sourceVersionId: 'v1',
            ciphertext: item.ciphertext,
          }
        : undefined;
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect([...account.left]).toEqual(['10']);
    expect(account.tally()).toMatchObject({ rotated: 9, failed: 0 });
  });

  test.each([
    ['another key', { keyId: 'k9' }],
    ['no key', { keyId: '' }],
    ['no version', { versionId: '' }],
    ['another source key', { sourceKeyId: 'k9' }],
    ['an empty ciphertext', { ciphertext: new Uint8Array() }],
    ['the ciphertext that was sent', { ciphertext: sealFor('k1', 'v1', 'c/1', 'plain-1') }],
    ['a ciphertext of an older version by its header', { ciphertext: sealFor('k1', 'v0', 'c/1', 'plain-1') }],
  ])('a reply with %s is tried again, never written, and set aside in the end', async (_what, wrong) => {
    const core = createCore({ attempts: 3 });
    core.kms.readable = true;
    const refs = core.seed(1);
    core.kms.trouble = () => ({
      keyId: 'k1',
      versionId: 'v2',
      sourceKeyId: 'k1',
      sourceVersionId: 'v1',
      ciphertext: sealFor('k1', 'v2', 'c/1', 'plain-1'),
      ...wrong,
    });
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.failures()).toMatchObject([{ ref: '1', code: 'BAD_REPLY' }]);
    expect(core.kms.calls.length).toBeGreaterThanOrEqual(3);
    expect(core.store.replaces).toBe(0);
  });

  test('a header that has not told the truth of what was sent is not heard of what came back', async () => {
    const core = createCore();
    core.kms.readable = true;
    const refs = core.seed(1);
    core.kms.trouble = () => ({
      keyId: 'k1',
      versionId: 'v2',
      sourceKeyId: 'k1',
      sourceVersionId: 'not what the header says',
      ciphertext: sealFor('k1', 'v0', 'c/1', 'plain-1'),
    });
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 1, failed: 0 });
  });
});

describe('source, then target', () => {
  const moved = goalOf({ sourceKey: 'k0' });

  test('what is under the target already is recognised and skipped', async () => {
    const core = createCore({ goal: moved });
    const { account } = await processBatch(batchOf(core.seed(2, 'v2')), null, core.deps, never);
    expect(account.tally()).toMatchObject({ skipped: 2, failed: 0 });
  });

  test('what is under an old version of the target is written', async () => {
    const core = createCore({ goal: moved });
    const { account } = await processBatch(batchOf(core.seed(2, 'v1')), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 2 });
    expect(versions(core)).toEqual(['v2', 'v2']);
  });

  test('a new AAD is written although the version is the pin already', async () => {
    const core = createCore({ goal: goalOf({ targetAad: 'd/{id}' }) });
    core.kms.readable = true;
    const { account } = await processBatch(batchOf(core.seed(1, 'v2')), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 1 });
    expect(openSealed(core.store.rows.get('1')?.value ?? new Uint8Array()).aad).toBe('d/1');
  });

  test('what both refuse is a fault of the record, with the first refusal', async () => {
    const core = createCore({ goal: moved });
    const refs = core.seed(1);
    core.store.rows.set('1', { value: sealFor('foreign', 'v1', 'c/1', 'x'), keyVersion: null });
    const { account } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(account.failures()).toMatchObject([{ ref: '1', code: 'INVALID_ARGUMENT', attempts: 2 }]);
  });

  test('a NULL in the template of the source leaves the target to be tried', async () => {
    const core = createCore({ goal: goalOf({ sourceAad: 'c/{absent}' }) });
    const { account } = await processBatch(batchOf(core.seed(1, 'v1')), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 1 });
  });

  test('a NULL in the template of both is a fault of the record, without a call', async () => {
    const core = createCore({ goal: goalOf({ sourceAad: 'c/{absent}', targetAad: 'c/{absent}' }) });
    const { account } = await processBatch(batchOf(core.seed(1, 'v1')), null, core.deps, never);
    expect(account.failures()).toMatchObject([{ code: 'AAD_NULL', attempts: 0 }]);
  });
});

describe('stopping', () => {
  test('a stop writes what is paid for and leaves the rest', async () => {
    const core = createCore();
    const refs = core.seed(100);
    const stop = new AbortController();
    core.kms.trouble = (_item, call) => {
      if (call === 30) stop.abort();
      return undefined;
    };
    const { account } = await processBatch(batchOf(refs), null, core.deps, stop.signal);
    const { rotated } = account.tally();
    expect(rotated).toBeGreaterThan(0);
    expect(rotated + account.left.size).toBe(100);
    expect(versions(core).filter((version) => version === 'v2').length).toBe(rotated);
  });

  test('a batch stopped before its start does nothing', async () => {
    const core = createCore();
    const refs = core.seed(3);
    const { account } = await processBatch(batchOf(refs), null, core.deps, AbortSignal.abort());
    expect(account.left.size).toBe(3);
    expect(core.store.reads).toBe(0);
  });

  test('what an earlier worker did is carried on and counted once', async () => {
    const core = createCore();
    core.seed(5);
    const earlier = {
      tally: { rotated: 2, skipped: 0, missing: 1, failed: 0, conflicts: 4 },
      failures: [],
      before: { v1: 1, v0: 1 },
      left: ['4', '5'],
      fruitless: 2,
    };
    const { account } = await processBatch(batchOf([]), earlier, core.deps, never);
    expect(account.tally()).toEqual({ rotated: 4, skipped: 0, missing: 1, failed: 0, conflicts: 4 });
    expect(account.gained()).toMatchObject({ rotated: 2, missing: 0 });
    expect(account.before()).toEqual({ v0: 1, v1: 3 });
  });
});
