import { expect, test } from 'vitest';
import { describeExcluded } from '../../../src/stores/s3/excluded.ts';

const all = { bucket: 'b', prefix: '', suffix: '', ciphertext: { kind: 'body' } } as const;

test('a bucket that is rotated as a whole leaves nothing out', () => {
  expect(describeExcluded(all)).toBeNull();
});

test('each rule that leaves objects out is named with its value, and nothing is counted', () => {
  const ciphertext = { kind: 'metadata', name: 'wrapped-key' } as const;
  expect(describeExcluded({ ...all, prefix: 'vault/', suffix: '.enc', ciphertext })).toEqual({
    what:
      'objects of bucket b whose key does not begin with "vault/" (store.prefix), ' +
      'or whose key does not end with ".enc" (store.suffix), or without the metadata field wrapped-key',
    records: null,
    exact: false,
  });
});
