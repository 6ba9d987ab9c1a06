import { describe, expect, test, vi } from 'vitest';
import { createTokenCache, type IssuedToken } from '../../../src/kms/connection/token-source.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** A cache on a clock of its own, whose tokens are issued by hand, one `answers` entry each. */
function createCache(lifetimeMs: number) {
  let nowMs = 1000;
  const asked: { resolve: (issued: IssuedToken) => void; reject: (error: Error) => void }[] = [];
  const issue = (): Promise<IssuedToken> =>
    new Promise((resolve, reject) => {
      asked.push({ resolve, reject });
    });
  const cache = createTokenCache(issue, () => nowMs);
  return {
    asked,
    get: (signal?: AbortSignal) => cache.get(signal),
    replace: (refused: string) => cache.replace(refused, undefined),
    pass: (ms: number) => {
      nowMs += ms;
    },
    answer: (token: string) => asked.at(-1)?.resolve({ token, lifetimeMs }),
    fail: () => asked.at(-1)?.reject(new Error('down')),
  };
}

/** A cache that holds the token `first`. */
async function createFilled(lifetimeMs: number) {
  const cache = createCache(lifetimeMs);
  const first = cache.get();
  cache.answer('first');
  await first;
  return cache;
}

describe('token cache', () => {
  test('one issue serves all callers, then and later', async () => {
    const cache = createCache(hourMs);
    const callers = Promise.all([cache.get(), cache.get(), cache.get()]);
    cache.answer('first');
    expect(await callers).toEqual(['first', 'first', 'first']);
    expect(await cache.get()).toBe('first');
    expect(cache.asked).toHaveLength(1);
  });

  test.each([
    ['five minutes ahead of expiry', hourMs, hourMs - 5 * minuteMs],
    ['a tenth ahead where five minutes are too much', 10 * minuteMs, 9 * minuteMs],
    ['after an hour where the token lives for half a day', 12 * hourMs, hourMs],
  ])('refreshes %s, once, and serves the old token meanwhile', async (_, lifetimeMs, refreshMs) => {
    const cache = await createFilled(lifetimeMs);
    cache.pass(refreshMs - 1);
    expect(await cache.get()).toBe('first');
    expect(cache.asked).toHaveLength(1);
    cache.pass(1);
    expect(await Promise.all([cache.get(), cache.get()])).toEqual(['first', 'first']);
    expect(cache.asked).toHaveLength(2);
    cache.answer('second');
    await vi.waitFor(async () => expect(await cache.get()).toBe('second'));
    cache.pass(refreshMs);
    await cache.get();
    expect(cache.asked).toHaveLength(3);
  });

  test('a refresh that fails leaves the old token, is tried again soon but not by every call', async () => {
    const cache = await createFilled(hourMs);
    cache.pass(56 * minuteMs);
    await cache.get();
    cache.fail();
    // Let the rejection settle.
    await new Promise(setImmediate);
    expect(await cache.get()).toBe('first');
    expect(cache.asked).toHaveLength(2);
    cache.pass(10_000);
    expect(await cache.get()).toBe('first');
    expect(cache.asked).toHaveLength(3);
  });

  test('an expired token is never served; a failure is thrown and the next caller asks anew', async () => {
    const cache = await createFilled(hourMs);
    cache.pass(hourMs);
    const failing = cache.get();
    cache.fail();
    await expect(failing).rejects.toThrow('down');
    const next = cache.get();
    cache.answer('second');
    expect(await next).toBe('second');
  });

  test('a refused token is replaced once for all who were refused with it', async () => {
    const cache = await createFilled(hourMs);
    const refused = Promise.all([cache.replace('first'), cache.replace('first'), cache.get()]);
    cache.answer('second');
    expect(await refused).toEqual(['second', 'second', 'second']);
    expect(await cache.replace('first')).toBe('second');
    expect(cache.asked).toHaveLength(2);
  });

  test('a replacement that fails does not bring the refused token back', async () => {
    const cache = await createFilled(hourMs);
    const failing = cache.replace('first');
    cache.fail();
    await expect(failing).rejects.toThrow('down');
    const next = cache.get();
    cache.answer('second');
    expect(await next).toBe('second');
  });

  test('one caller that gives up takes the token from no one else', async () => {
    const cache = createCache(hourMs);
    const stop = new AbortController();
    const leaving = cache.get(stop.signal);
    const staying = cache.get(new AbortController().signal);
    stop.abort();
    await expect(leaving).rejects.toMatchObject({ faultClass: 'transient', code: 'ABORTED' });
    cache.answer('first');
    expect(await staying).toBe('first');
  });

  test('a token that comes as expired, by a clock that is wrong, is tried all the same', async () => {
    const cache = await createFilled(-hourMs);
    expect(await cache.get()).toBe('first');
    expect(cache.asked).toHaveLength(1);
  });
});
