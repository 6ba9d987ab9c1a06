import { describe, expect, test } from 'vitest';
import { createProveRegenerated } from '../../src/rotation/calls/prove-regenerated.ts';
import { createRegenerateValues } from '../../src/rotation/calls/regenerate-values.ts';
import { Fault } from '../../src/rotation/faults.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import { processBatch } from '../../src/worker/process-batch.ts';
import { batchOf, createCore, forbidden, goalOf, transient, type Core } from '../support/core.ts';
import { createMemoryDataKeys, sealEnvelope } from '../support/memory-data-keys.ts';
import { openSealed, sealFor } from '../support/memory-kms.ts';
import { storeDown } from '../support/memory-store.ts';

const never = new AbortController().signal;

/** A core that checks this share of its writes; `draws` are the random numbers, one after the other. */
function checking(share: number, core = createCore(), draws: number[] = []): Core {
  const { writeCheck } = core.deps;
  const random = (): number => draws.shift() ?? 0;
  return { ...core, deps: { ...core.deps, writeCheck: { ...writeCheck, share, random } } };
}

/** The KMS answers for this record as it should, but for the ciphertext. */
function garble(core: Core, record: string, ciphertext: string): void {
  core.kms.trouble = (item) =>
    openSealed(item.ciphertext).plaintext === record && openSealed(item.ciphertext).versionId === 'v1'
      ? {
          keyId: 'k1',
          versionId: 'v2',
          sourceKeyId: 'k1',
          sourceVersionId: 'v1',
          ciphertext: Buffer.from(ciphertext),
        }
      : undefined;
}

/** How many calls asked for what lies under the pin already. */
function checksOf({ kms }: Core): number {
  return kms.calls.filter(({ ciphertext }) => openSealed(ciphertext).versionId === 'v2').length;
}

describe('a written record that nobody can open', () => {
  test.each([
    ['garbage', 'garbage'],
    ["another record's ciphertext", 'k1|v2|c/1|plain-1'],
    ['a ciphertext of another key', 'k9|v2|c/3|plain-3'],
  ])('is set aside and stops the rotation, where the KMS gave %s', async (_what, ciphertext) => {
    const core = checking(1);
    const refs = core.seed(5);
    garble(core, 'plain-3', ciphertext);
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(stoppedBy).toMatchObject({ faultClass: 'rotation', code: 'WRITTEN_UNREADABLE', peer: 'kms' });
    expect(stoppedBy?.message).toContain('1 of 5 written records');
    expect(account.tally()).toMatchObject({ rotated: 4, failed: 1 });
    expect(account.failures()).toMatchObject([
      { ref: '3', code: 'WRITTEN_UNREADABLE', requestId: 'r1', attempts: 2 },
    ]);
    expect(core.checked.toSorted()).toEqual(['readable', 'readable', 'readable', 'readable', 'unreadable']);
  });

  test('is no fault of a rotation that does not check, which counts it as rotated', async () => {
    const core = createCore();
    const refs = core.seed(5);
    garble(core, 'plain-3', 'garbage');
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect([stoppedBy, account.tally().rotated, core.kms.calls.length]).toEqual([null, 5, 5]);
  });

  test('is found too where the reply of its swap was lost', async () => {
    const core = checking(1);
    const refs = core.seed(1);
    garble(core, 'plain-1', 'garbage');
    let lost = false;
    core.store.afterReplace = () => {
      if (lost) return;
      lost = true;
      throw storeDown();
    };
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect(stoppedBy?.code).toBe('WRITTEN_UNREADABLE');
    expect(account.failures()).toMatchObject([{ ref: '1', code: 'WRITTEN_UNREADABLE' }]);
  });

  test('spoils no other record that shares its ciphertext', async () => {
    const core = checking(1, createCore({ goal: goalOf({ sourceAad: '', targetAad: '' }) }));
    const value = sealFor('k1', 'v1', '', 'shared');
    for (const ref of ['1', '2']) core.store.rows.set(ref, { value, keyVersion: null });
    garble(core, 'shared', 'garbage');
    await processBatch(batchOf(['1']), null, core.deps, never);
    core.kms.trouble = () => undefined;
    const { account } = await processBatch(batchOf(['2']), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 1, failed: 0 });
    expect(openSealed(core.store.rows.get('2')?.value ?? value).plaintext).toBe('shared');
  });

  test('is one ciphertext of several in a value', async () => {
    const core = checking(1);
    const encode = (text: string): string => Buffer.from(sealFor('k1', 'v1', 'c/1', text)).toString('base64');
    const value = Buffer.from(JSON.stringify({ a: encode('left'), b: encode('right') }));
    core.store.rows.set('1', { value, keyVersion: null });
    garble(core, 'right', 'garbage');
    const deps = { ...core.deps, format: createFormat({ json: ['/a', '/b'], format: 'base64' }) };
    const { account } = await processBatch(batchOf(['1']), null, deps, never);
    expect(account.failures()).toMatchObject([{ ref: '1', code: 'WRITTEN_UNREADABLE' }]);
  });
});

describe('the share that is checked', () => {
  test('is drawn by chance, record by record, and costs one read and one call each', async () => {
    const core = checking(0.5, createCore(), [0.49, 0.5, 0.51, 0, 0.99]);
    const { account } = await processBatch(batchOf(core.seed(5)), null, core.deps, never);
    expect(account.tally()).toMatchObject({ rotated: 5, failed: 0 });
    expect(core.checked).toEqual(['readable', 'readable']);
    expect([core.store.reads, core.kms.calls.length, checksOf(core)]).toEqual([2, 7, 2]);
  });

  test('of all holds all, and of what needed no write nothing', async () => {
    const core = checking(1);
    const refs = [...core.seed(3), 'done'];
    core.store.rows.set('done', { value: sealFor('k1', 'v2', 'c/done', 'x'), keyVersion: null });
    await processBatch(batchOf(refs), null, core.deps, never);
    expect(core.checked).toEqual(['readable', 'readable', 'readable']);
  });

  test('asks under the target alone, with its AAD, where the source is another key', async () => {
    const goal = goalOf({ sourceKey: 'k0', sourceAad: 'old/{id}' });
    const core = checking(1, createCore({ goal }));
    core.store.rows.set('1', { value: sealFor('k0', 'v1', 'old/1', 'x'), keyVersion: null });
    await processBatch(batchOf(['1']), null, core.deps, never);
    expect(core.checked).toEqual(['readable']);
    expect(core.kms.calls.map(({ sourceKeyId }) => sourceKeyId)).toEqual(['k0', 'k1']);
  });
});

describe('what is not judged', () => {
  test.each([
    ['wrote the record anew', (core: Core) => writeRow(core, 'anew')],
    ['removed the record', (core: Core) => removeRow(core)],
  ])('a record that the application has meanwhile: it %s', async (_what, change) => {
    const core = checking(1);
    const refs = core.seed(1);
    core.store.afterReplace = () => change(core);
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect([stoppedBy, account.tally().rotated, core.checked]).toEqual([null, 1, ['changed']]);
  });

  test('a record whose AAD the application has changed, though not its value', async () => {
    const core = checking(1);
    const refs = core.seed(1);
    const { read } = core.store;
    const store = {
      ...core.store,
      read: async (wanted: readonly string[]) =>
        (await read(wanted)).map((record) => ({
          ...record,
          fields: { id: '1', tenant: String(core.store.reads) },
        })),
    };
    const { stoppedBy } = await processBatch(batchOf(refs), null, { ...core.deps, store }, never);
    expect([stoppedBy, core.checked]).toEqual([null, ['changed']]);
  });

  test('a record that the KMS fails to answer for, while it answers others', async () => {
    const core = checking(1);
    const refs = core.seed(20);
    core.kms.trouble = (item) => {
      const { plaintext, versionId } = openSealed(item.ciphertext);
      if (plaintext === 'plain-7' && versionId === 'v2') throw transient('INTERNAL');
      return undefined;
    };
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
    expect([stoppedBy, account.tally().rotated]).toEqual([null, 20]);
    expect(core.checked.filter((outcome) => outcome === 'unanswered')).toHaveLength(1);
    expect(core.faults.map(({ code }) => code)).toContain('INTERNAL');
  });

  test('what a stop came before: it is counted as rotated all the same', async () => {
    const core = checking(1);
    const refs = core.seed(3);
    const stop = new AbortController();
    core.store.afterReplace = () => stop.abort();
    const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, stop.signal);
    expect([stoppedBy, account.left.size, account.tally().rotated]).toEqual([null, 0, 3]);
    expect(core.checked).toEqual(['unanswered', 'unanswered', 'unanswered']);
  });
});

test('a token that may not open what it writes stops the rotation, and nothing is set aside', async () => {
  const core = checking(1);
  const refs = core.seed(3);
  core.kms.trouble = (item) => {
    if (openSealed(item.ciphertext).versionId === 'v2') throw forbidden();
    return undefined;
  };
  const { account, stoppedBy } = await processBatch(batchOf(refs), null, core.deps, never);
  expect(stoppedBy?.code).toBe('PERMISSION_DENIED');
  expect(account.tally()).toMatchObject({ rotated: 3, failed: 0 });
});

describe('with new data keys', () => {
  function regenerating() {
    const core = checking(1);
    const dataKeys = createMemoryDataKeys();
    const deps = {
      ...core.deps,
      format: createFormat('envelope'),
      renewValues: createRegenerateValues({ ...core.calls, dataKeys, dataKeySpec: 'AES_256' }),
      writeCheck: {
        ...core.deps.writeCheck,
        proveReadable: createProveRegenerated({ ...core.calls, dataKeys }),
      },
    };
    for (const ref of ['1', '2'])
      core.store.rows.set(ref, { value: sealEnvelope('v1', `c/${ref}`, 'plain'), keyVersion: null });
    return { core, dataKeys, deps };
  }

  test('the payload is opened as an application would, and no key is left in the clear', async () => {
    const { core, dataKeys, deps } = regenerating();
    const { account } = await processBatch(batchOf(['1', '2']), null, deps, never);
    expect([account.tally().rotated, core.checked]).toEqual([2, ['readable', 'readable']]);
    expect([dataKeys.decrypts, dataKeys.generates]).toEqual([4, 2]);
    for (const dataKey of dataKeys.givenOut) expect([...dataKey].every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    [
      'wraps another key than it gives out',
      () => sealFor('k1', 'v2', 'c/1', 'ab'.repeat(32)),
      'PAYLOAD_REFUSED',
    ],
    ['gives out a wrapped key that it refuses', () => Buffer.from('garbage'), 'INVALID_ARGUMENT'],
  ])('a KMS that %s has destroyed the payload, and is stopped', async (_what, wrap, reason) => {
    const { dataKeys, deps } = regenerating();
    const { generateDataKey } = dataKeys;
    dataKeys.generateDataKey = async (item, signal) => {
      const made = await generateDataKey(item, signal);
      return Buffer.from(item.aad).toString() === 'c/1' ? { ...made, ciphertext: wrap() } : made;
    };
    const { account, stoppedBy } = await processBatch(batchOf(['1', '2']), null, deps, never);
    expect(stoppedBy?.code).toBe('WRITTEN_UNREADABLE');
    expect(account.failures()).toMatchObject([
      { ref: '1', code: 'WRITTEN_UNREADABLE', message: expect.stringContaining(reason) },
    ]);
  });
});

test('a value that its own format cannot read again is unreadable', async () => {
  const core = checking(1);
  const refs = core.seed(1);
  const { format } = core.deps;
  const half = {
    open(value: Uint8Array) {
      if (openSealed(value).versionId === 'v2') throw new Fault('record', 'BAD_FORMAT', 'no value of it');
      return format.open(value);
    },
  };
  const { stoppedBy } = await processBatch(batchOf(refs), null, { ...core.deps, format: half }, never);
  expect([stoppedBy?.code, core.checked]).toEqual(['WRITTEN_UNREADABLE', ['unreadable']]);
});

function writeRow({ store }: Core, text: string): void {
  store.rows.set('1', { value: Buffer.from(text), keyVersion: null });
}

function removeRow({ store }: Core): void {
  store.rows.delete('1');
}
