import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { underEither } from '../../src/rotation/either-signal.ts';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

test('work stops with the first of its signals, and says why', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const reason = await underEither([first.signal, second.signal], async (either) => {
    second.abort('enough');
    first.abort('too late');
    return either.reason;
  });
  expect(reason).toBe('enough');
});

test('work under a signal that is aborted already begins with it', async () => {
  const stopped = AbortSignal.abort('before');
  const aborted = await underEither(
    [new AbortController().signal, stopped],
    async (either) => either.aborted,
  );
  expect(aborted).toBe(true);
});

test.each([
  ['done', async () => undefined],
  ['failed', () => Promise.reject(new Error('no'))],
])('nothing is left on a signal that lives on, once the work is %s', async (_, work) => {
  const { signal } = new AbortController();
  let during = 0;
  const worked = underEither([signal], () => {
    during = listeners(signal);
    return work();
  });
  await worked.catch(() => undefined);
  expect([during, listeners(signal)]).toEqual([1, 0]);
});
