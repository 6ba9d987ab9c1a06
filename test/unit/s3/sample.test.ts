import { afterEach, expect, test } from 'vitest';
import { compareKeys } from '../../../src/stores/s3/guess-key.ts';
import type { S3Requests } from '../../../src/stores/s3/requests.ts';
import { sampleKeys } from '../../../src/stores/s3/sample.ts';
import type { S3StoreOptions } from '../../../src/stores/s3/options.ts';
import { openScene, type S3Scene } from '../../support/s3-fixture.ts';

let scene: S3Scene | undefined;
afterEach(() => scene?.close());

/** Lists sorted keys as S3 does, ten at a time, so that a bucket of a few thousand is a large one. */
function createLister(keys: readonly string[]) {
  let lists = 0;
  const list: S3Requests['list'] = async (_prefix, { after }) => {
    lists += 1;
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareKeys(keys[middle] ?? '', after ?? '') > 0) high = middle;
      else low = middle + 1;
    }
    const page = keys.slice(low, low + 10);
    return {
      $metadata: {},
      Contents: page.map((Key) => ({ Key })),
      IsTruncated: low + 10 < keys.length,
      NextContinuationToken: 'more',
    };
  };
  return { list, lists: () => lists };
}

const never = new AbortController().signal;

async function openWith(keys: readonly string[], more: Partial<S3StoreOptions> = {}): Promise<S3Scene> {
  scene = await openScene(more);
  scene.double.pageSize = 10;
  for (const key of keys) scene.double.put(key, Buffer.from('value'));
  return scene;
}

/** The same numbers each time, after Park and Miller. */
function createRandom(): () => number {
  let state = 20_251_122;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, '0');
}

const many = Array.from({ length: 4000 }, (_, index) => index);
const layouts: [string, (index: number) => string][] = [
  ['numbers', (index) => pad(index, 9)],
  ['hexadecimal ids', (index) => ((index * 1_048_573) % 2 ** 32).toString(16).padStart(8, '0')],
  [
    'days in folders',
    (index) =>
      `records/2024-${pad(1 + Math.floor(index / 400), 2)}-${pad(1 + (index % 28), 2)}/${pad(index, 6)}`,
  ],
  [
    'tenants of very different sizes',
    (index) => `tenant-${pad(Math.floor(Math.log2(index + 1)), 2)}/${pad(index, 6)}`,
  ],
  ['names in two alphabets', (index) => `${index % 2 === 0 ? 'user' : 'клиент'}/${pad(index, 5)}`],
];

test.each(layouts)('of a large bucket with %s the sample comes from all over it', async (_name, keyOf) => {
  const keys = [...new Set(many.map(keyOf))].toSorted(compareKeys);
  const places = new Map(keys.map((key, place) => [key, place]));
  const random = createRandom();
  const inQuarter = [0, 0, 0, 0];
  for (let draw = 0; draw < 5; draw += 1) {
    const lister = createLister(keys);
    const scope = { prefix: '', suffix: '' };
    const refs = await sampleKeys({ requests: lister, scope, signal: never, random }, 40);
    expect(new Set(refs).size).toBe(40);
    for (const ref of refs) {
      const quarter = Math.floor(((places.get(ref) ?? NaN) * 4) / keys.length);
      inQuarter[quarter] = (inQuarter[quarter] ?? 0) + 1;
    }
    expect(lister.lists()).toBeLessThan(70);
  }
  // 50 would be even.
  expect(Math.min(...inQuarter), inQuarter.join(', ')).toBeGreaterThan(5);
});

test('prefix and suffix hold for a sample, too', async () => {
  const keys = many
    .slice(0, 300)
    .flatMap((index) => [`a/${pad(index, 5)}.enc`, `a/${pad(index, 5)}.txt`, `b/${pad(index, 5)}.enc`]);
  const { store } = await openWith(keys, { prefix: 'a/', suffix: '.enc' });
  const refs = (await store.sample?.(40, never)) ?? [];
  expect(refs).toHaveLength(40);
  expect(refs.filter((ref) => !/^a\/\d+\.enc$/.test(ref))).toEqual([]);
});

test('a bucket that a few more lists show whole gives each object', async () => {
  const keys = Array.from({ length: 130 }, (_, index) => pad(index, 3));
  const { store } = await openWith(keys);
  expect([...((await store.sample?.(1000, never)) ?? [])].toSorted()).toEqual(keys);
});
