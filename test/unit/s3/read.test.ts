import { afterEach, expect, test } from 'vitest';
import type { StoredRecord } from '../../../src/rotation/record.ts';
import { openScene, wrappedKey, type S3Scene } from '../../support/s3-fixture.ts';

let scene: S3Scene;
afterEach(() => scene.close());

async function readOne(key: string): Promise<StoredRecord | undefined> {
  const [record] = await scene.store.read([key]);
  return record;
}
const text = (record: StoredRecord | undefined) => Buffer.from(record?.value ?? []).toString();

test('with a wrapped key in the metadata no body is ever fetched', async () => {
  scene = await openScene({ ciphertext: wrappedKey });
  scene.double.put('a', Buffer.from('payload'), { 'x-amz-meta-wrapped-key': 'd3JhcHBlZA==' });
  const record = await readOne('a');
  expect(text(record)).toBe('d3JhcHBlZA==');
  if (record === undefined) throw new Error('not read');
  const change = { ref: 'a', oldValue: record.value, newValue: Buffer.from('bmV3'), keyVersion: 'v2' };
  expect(await scene.store.replace([{ ...change, revision: record.revision }])).toEqual(['replaced']);
  expect(scene.double.requests.map(({ method }) => method)).toEqual(['HEAD', 'HEAD', 'PUT']);
  expect(scene.double.objects.get('a')?.body.toString()).toBe('payload');
});

test('an object without the metadata field is no record', async () => {
  scene = await openScene({ ciphertext: wrappedKey });
  scene.double.put('a', Buffer.from('payload'), { 'x-amz-meta-other': 'x' });
  expect(await scene.store.read(['a', 'gone'])).toEqual([]);
});

test('an empty body is a value, so that its format can fail', async () => {
  scene = await openScene();
  scene.double.put('a', Buffer.alloc(0));
  expect(text(await readOne('a'))).toBe('');
});

test('fields are the key and metadata, null where it is absent', async () => {
  scene = await openScene({ fields: ['key', 'metadata.tenant', 'metadata.none'] });
  scene.double.put('a b', Buffer.from('x'), { 'x-amz-meta-tenant': 'acme' });
  expect((await readOne('a b'))?.fields).toEqual({
    key: 'a b',
    'metadata.tenant': 'acme',
    'metadata.none': null,
  });
});

test('one failed request among many is tried again, and costs the others nothing', async () => {
  scene = await openScene();
  for (const key of ['a', 'b', 'c']) scene.double.put(key, Buffer.from(key));
  let failures = 0;
  scene.double.interfere = ({ key }) => {
    if (key !== 'b' || failures > 1) return undefined;
    failures += 1;
    return failures === 1 ? { kind: 'refuse', status: 503, code: 'SlowDown' } : { kind: 'cutBefore' };
  };
  expect((await scene.store.read(['a', 'b', 'c'])).map(text)).toEqual(['a', 'b', 'c']);
  expect(scene.double.requests.filter(({ key }) => key === 'a')).toHaveLength(1);
});

test('a body cut short is a passing fault, never a shorter value', async () => {
  scene = await openScene();
  scene.double.put('a', Buffer.from('a long value'));
  scene.double.interfere = () => ({ kind: 'cutBody' });
  await expect(readOne('a')).rejects.toMatchObject({ faultClass: 'transient', peer: 'store' });
});

test.each([
  ['archived', { 'x-amz-storage-class': 'GLACIER' }, 'S3_OBJECT_ARCHIVED'],
  ['beyond 64 MiB', { 'content-length': String(64 * 1024 * 1024 + 1) }, 'S3_OBJECT_TOO_LARGE'],
])('an object that is %s comes with its fault, and the others are read', async (_, headers, code) => {
  scene = await openScene();
  scene.double.put('a', Buffer.from('a'));
  scene.double.put('b', Buffer.from('b'), headers);
  const [a, b] = await scene.store.read(['a', 'b']);
  expect([a && text(a), a?.fault]).toEqual(['a', undefined]);
  expect(b?.fault).toMatchObject({ faultClass: 'record', code });
});

test('bodies that are not wanted do not hold connections', async () => {
  scene = await openScene({ concurrency: 1, timeoutMs: 1000 });
  const keys = ['a', 'b', 'c', 'd'];
  for (const key of keys) scene.double.put(key, Buffer.from('x'), { 'content-length': String(2 ** 30) });
  scene.double.put('e', Buffer.from('e'));
  expect((await scene.store.read([...keys, 'e'])).map(text)).toEqual(['', '', '', '', 'e']);
});

test('an object under a key of the client is set aside, an expired token stops all', async () => {
  scene = await openScene({ ciphertext: wrappedKey });
  scene.double.put('a', Buffer.from('a'), { 'x-amz-meta-wrapped-key': 'eA==' });
  // A HEAD has no body, so that both look alike.
  scene.double.interfere = ({ method }) =>
    method === 'HEAD' ? { kind: 'refuse', status: 400, code: 'InvalidRequest' } : undefined;
  expect(text(await readOne('a'))).toBe('');
  scene.double.interfere = () => ({ kind: 'refuse', status: 400, code: 'ExpiredToken' });
  await expect(readOne('a')).rejects.toMatchObject({ faultClass: 'rotation', code: 'STORE_DENIED' });
});

test('a denied object names the missing right', async () => {
  scene = await openScene();
  scene.double.interfere = () => ({ kind: 'refuse', status: 403, code: 'AccessDenied' });
  const read = readOne('a');
  await expect(read).rejects.toMatchObject({ faultClass: 'rotation', code: 'STORE_DENIED' });
  await expect(read).rejects.toThrow(/s3:GetObject/);
});
