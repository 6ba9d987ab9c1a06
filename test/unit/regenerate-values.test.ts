import { expect, test } from 'vitest';
import { createRegenerateValues } from '../../src/rotation/calls/regenerate-values.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import type { FormatSpec } from '../../src/rotation/formats/format.ts';
import { processBatch, type BatchDeps } from '../../src/worker/process-batch.ts';
import { batchOf, createCore, goalOf, type Core } from '../support/core.ts';
import {
  createMemoryDataKeys,
  openEnvelope,
  sealEnvelope,
  type MemoryDataKeys,
} from '../support/memory-data-keys.ts';

const never = new AbortController().signal;

interface Scene {
  readonly core: Core;
  readonly dataKeys: MemoryDataKeys;
  readonly deps: BatchDeps;
  put(ref: string, value: Uint8Array): void;
  valueOf(ref: string): Uint8Array;
}

function setUp(format: FormatSpec = 'envelope', goal = goalOf()): Scene {
  const core = createCore({ goal });
  const dataKeys = createMemoryDataKeys();
  const renewValues = createRegenerateValues({ ...core.calls, dataKeys, dataKeySpec: 'AES_256' });
  return {
    core,
    dataKeys,
    deps: { ...core.deps, goal, format: createFormat(format), renewValues },
    put: (ref, value) => void core.store.rows.set(ref, { value, keyVersion: null }),
    valueOf: (ref) => core.store.rows.get(ref)?.value ?? new Uint8Array(),
  };
}

test('each envelope gets a data key of its own, of the size asked for, and keeps its plaintext', async () => {
  const { put, valueOf, deps } = setUp();
  const leaked = Buffer.alloc(16, 7);
  for (const ref of ['1', '2', '3']) put(ref, sealEnvelope('v1', `c/${ref}`, `plain-${ref}`, leaked));
  const { account, stoppedBy } = await processBatch(batchOf(['1', '2', '3']), null, deps, never);
  expect([account.tally().rotated, stoppedBy]).toEqual([3, null]);
  for (const ref of ['1', '2', '3'])
    expect(openEnvelope(valueOf(ref))).toEqual({ versionId: 'v2', keyBytes: 32, plaintext: `plain-${ref}` });
  const ciphertexts = ['1', '2', '3'].map((ref) => Buffer.from(valueOf(ref)).toString('hex'));
  expect(new Set(ciphertexts).size).toBe(3);
});

test('an envelope inside base64 is regenerated in place', async () => {
  const { put, valueOf, deps } = setUp({ encoding: 'base64', format: 'envelope' });
  put('1', Buffer.from(sealEnvelope('v1', 'c/1', 'plain').toString('base64')));
  await processBatch(batchOf(['1']), null, deps, never);
  const value = Buffer.from(Buffer.from(valueOf('1')).toString(), 'base64');
  expect(openEnvelope(value)).toMatchObject({ versionId: 'v2', plaintext: 'plain' });
});

test('no data key is left in memory in the clear, whatever comes of its record', async () => {
  const { put, deps, dataKeys } = setUp();
  put('1', sealEnvelope('v1', 'c/1', 'plain'));
  put('2', sealEnvelope('v2', 'c/2', 'done before'));
  const damaged = sealEnvelope('v1', 'c/3', 'plain');
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  put('3', damaged);
  await processBatch(batchOf(['1', '2', '3']), null, deps, never);
  expect(dataKeys.givenOut.length).toBe(5);
  for (const dataKey of dataKeys.givenOut) expect([...dataKey].every((byte) => byte === 0)).toBe(true);
});

test('what is under the pin already has its new key: it is skipped and not written', async () => {
  const { core, put, deps, dataKeys } = setUp();
  put('1', sealEnvelope('v2', 'c/1', 'plain'));
  const { account } = await processBatch(batchOf(['1']), null, deps, never);
  expect(account.tally()).toMatchObject({ skipped: 1, rotated: 0 });
  expect([core.store.replaces, dataKeys.generates]).toEqual([0, 0]);
});

test.each([
  ['its payload is damaged', (value: Buffer) => value.fill(0, value.length - 1), 'PAYLOAD_REFUSED'],
  ['its wrapped key is of another record', () => sealEnvelope('v1', 'c/9', 'plain'), 'INVALID_ARGUMENT'],
  ['its data key is no AES key', () => sealEnvelopeOfOddKey(), 'BAD_DATA_KEY'],
])('a record is set aside alone where %s', async (_why, spoil, code) => {
  const { put, valueOf, deps } = setUp();
  put('1', sealEnvelope('v1', 'c/1', 'plain'));
  const spoilt = spoil(sealEnvelope('v1', 'c/2', 'plain'));
  put('2', spoilt);
  const { account, stoppedBy } = await processBatch(batchOf(['1', '2']), null, deps, never);
  expect(stoppedBy).toBeNull();
  expect(account.tally()).toMatchObject({ rotated: 1, failed: 1 });
  expect(account.failures()).toMatchObject([{ ref: '2', code }]);
  expect(valueOf('2')).toBe(spoilt);
});

function sealEnvelopeOfOddKey(): Buffer {
  const value = sealEnvelope('v1', 'c/2', 'plain', Buffer.alloc(16, 1));
  // Two hex digits less in the wrapped key make a key of 15 bytes.
  const length = value.readUInt32BE(0) - 2;
  const shorter = Buffer.concat([value.subarray(0, 4 + length), value.subarray(6 + length)]);
  shorter.writeUInt32BE(length);
  return shorter;
}

test('a payload is bound to the AAD of the target afterwards', async () => {
  const { put, valueOf, deps } = setUp('envelope', goalOf({ targetAad: 'tenant/{id}' }));
  put('1', sealEnvelope('v1', 'c/1', 'plain'));
  put('2', sealEnvelope('v1', 'tenant/2', 'moved on by the application'));
  const { account } = await processBatch(batchOf(['1', '2']), null, deps, never);
  expect(account.tally()).toMatchObject({ rotated: 2 });
  expect(openEnvelope(valueOf('1')).plaintext).toBe('plain');
  expect(openEnvelope(valueOf('2'))).toMatchObject({
    versionId: 'v2',
    plaintext: 'moved on by the application',
  });
});

test('nothing is written while the KMS wraps with another version than the pin', async () => {
  const { core, put, deps, dataKeys } = setUp();
  dataKeys.lagsAt = 'v1';
  put('1', sealEnvelope('v1', 'c/1', 'plain'));
  const { account, stoppedBy } = await processBatch(batchOf(['1']), null, deps, never);
  expect(stoppedBy).toMatchObject({ code: 'NOT_CAUGHT_UP', faultClass: 'transient' });
  expect([core.store.replaces, account.left.size]).toEqual([0, 1]);
});
