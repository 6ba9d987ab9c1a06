import { expect, test } from 'vitest';
import { createSharedResults } from '../../src/rotation/calls/shared-results.ts';

const rewrapped = { kind: 'rewrapped', ciphertext: new Uint8Array(4096), sourceVersionId: 'v1' } as const;

test('what a worker remembers is bounded, and what was asked for last is kept longest', () => {
  const shared = createSharedResults(() => undefined);
  shared.keep('first', rewrapped);
  shared.keep('second', rewrapped);
  // Twice as many as there is room for; the first is asked for all the while.
  for (let number = 0; number < 8192; number += 1) {
    shared.keep(`key ${number}`, rewrapped);
    shared.recall('first');
  }
  expect(shared.recall('first')).toStrictEqual({ ...rewrapped, ciphertext: Buffer.alloc(4096) });
  expect(shared.recall('second')).toBeNull();
  expect(shared.recall('key 8191')).not.toBeNull();
  expect(shared.recall('key 0')).toBeNull();
});
