import { afterEach, expect, test } from 'vitest';
import type { S3StoreOptions } from '../../../src/stores/s3/options.ts';
import { awkwardKeys, awkwardPaths } from '../../support/awkward-keys.ts';
import { openScene, type S3Scene } from '../../support/s3-fixture.ts';

let scene: S3Scene;
afterEach(() => scene.close());

const never = new AbortController().signal;
async function scanAll(limit = 100): Promise<string[]> {
  const refs: string[] = [];
  for await (const page of scene.store.scan(null, limit, never)) refs.push(...page.refs);
  return refs;
}
async function openWith(keys: readonly string[], more: Partial<S3StoreOptions> = {}): Promise<void> {
  scene = await openScene(more);
  for (const key of keys) scene.double.put(key, Buffer.from('value'));
}

test('keys come as they are, whatever they hold', async () => {
  const keys = [...awkwardKeys, ...awkwardPaths, 'control\u0001and\u000b'];
  await openWith(keys);
  expect((await scanAll(3)).toSorted()).toEqual(keys.toSorted());
});

test('only keys with the prefix and the suffix are records', async () => {
  await openWith(['a/1.enc', 'a/2.txt', 'b/3.enc', 'a/4.enc'], { prefix: 'a/', suffix: '.enc' });
  expect(await scanAll()).toEqual(['a/1.enc', 'a/4.enc']);
  expect(await scene.store.count()).toEqual({ records: 2, exact: true });
  expect(await scene.store.check()).toBe('s3 bucket vault, prefix a/, 2 objects');
});

test('an empty object named like a folder is no record, one with a body is', async () => {
  await openWith(['a/full/']);
  scene.double.put('a/', Buffer.alloc(0));
  scene.double.put('a/empty', Buffer.alloc(0));
  expect(await scanAll()).toEqual(['a/empty', 'a/full/']);
});

test('what a killed check left behind is no record', async () => {
  await openWith(['a/.keyturn-check-1234', 'a/x'], { prefix: 'a/' });
  expect(await scanAll()).toEqual(['a/x']);
});

test('a page larger than one list is put together of many', async () => {
  const keys = Array.from({ length: 25 }, (_, index) => `k${String(index).padStart(2, '0')}`);
  await openWith(keys);
  scene.double.pageSize = 4;
  const sizes: number[] = [];
  for await (const { refs } of scene.store.scan(null, 10, never)) sizes.push(refs.length);
  expect(sizes).toEqual([10, 10, 5]);
});

test('lists without a record among them do not end the scan', async () => {
  const keys = Array.from({ length: 20 }, (_, index) => `k${String(index).padStart(2, '0')}.txt`);
  await openWith([...keys, 'z.enc'], { suffix: '.enc' });
  scene.double.pageSize = 3;
  expect(await scanAll()).toEqual(['z.enc']);
});

test('a list of deleted keys only does not end the scan', async () => {
  await openWith(['a', 'b', 'c', 'd', 'e']);
  scene.double.pageSize = 2;
  scene.double.hidden = (keys) => keys.includes('c');
  expect(await scanAll()).toEqual(['a', 'b', 'e']);
});

test.each(['start-after', 'continuation-token'])(
  'a server that ignores %s is not listed for ever',
  async (name) => {
    await openWith(['a', 'b', 'c']);
    scene.double.pageSize = 2;
    scene.double.interfere = ({ query }) => {
      query.delete(name);
      return undefined;
    };
    const scanning = async () => {
      for await (const page of scene.store.scan('b', 1, never)) expect(page.refs).toEqual(['c']);
      await scanAll();
    };
    await expect(scanning()).rejects.toMatchObject({ faultClass: 'rotation', code: 'S3_BAD_LIST' });
  },
);

test('a large bucket is not counted to its end', async () => {
  await openWith(Array.from({ length: 12 }, (_, index) => `k${index}`));
  scene.double.pageSize = 1;
  expect(await scene.store.count()).toEqual({ records: 10, exact: false });
  expect(scene.double.requests).toHaveLength(10);
});

test('an abort while a list is under way ends the scan quietly', async () => {
  await openWith(['a']);
  const control = new AbortController();
  scene.double.interfere = () => {
    control.abort();
    return { kind: 'hang' };
  };
  const pages: unknown[] = [];
  for await (const page of scene.store.scan(null, 1, control.signal)) pages.push(page);
  expect(pages).toEqual([]);
});
