import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { backoffMs, sleep } from '../../src/rotation/backoff.ts';
import { asFault, Fault } from '../../src/rotation/faults.ts';
import { patiently } from '../../src/rotation/patience.ts';
import { storeDown } from '../support/memory-store.ts';

const never = new AbortController().signal;
const anHourMs = 3_600_000;

describe('backoff', () => {
  test('a wait never passes the cap, is never negative, and never NaN', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 60_000 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (failures, initialMs, maxMs, random) => {
          const wait = backoffMs(failures, { initialMs, maxMs }, () => random);
          return wait >= 0 && wait <= maxMs;
        },
      ),
    );
  });

  test('the bound doubles with each failure', () => {
    const bounds = [1, 2, 3].map((failures) =>
      backoffMs(failures, { initialMs: 100, maxMs: 10_000 }, () => 1),
    );
    expect(bounds).toEqual([100, 200, 400]);
  });

  test('an aborted sleep ends at once and does not throw', async () => {
    const stop = new AbortController();
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const slept = sleep(anHourMs, stop.signal);
    expect(vi.getTimerCount()).toBe(1);
    stop.abort();
    await expect(slept).resolves.toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('patience', () => {
  // The sleeps of node:timers/promises are not faked; only the clock that measures the patience is.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('an outage is waited out', async () => {
    let tries = 0;
    const faults: Fault[] = [];
    const result = await patiently(
      { signal: never, patienceMs: Infinity, onFault: (fault) => void faults.push(fault) },
      async () => {
        tries += 1;
        if (tries < 3) throw storeDown();
        return 'done';
      },
    );
    expect([result, tries, faults.length]).toEqual(['done', 3, 2]);
  });

  test('it ends with the last fault when the patience is over', async () => {
    let tries = 0;
    const step = async (): Promise<never> => {
      tries += 1;
      vi.advanceTimersByTime(600);
      throw storeDown();
    };
    await expect(
      patiently({ signal: never, patienceMs: 1000, onFault: () => undefined }, step),
    ).rejects.toMatchObject({
      code: 'STORE_DOWN',
    });
    expect(tries).toBe(2);
  });

  test.each(['rotation', 'record', 'usage'] as const)('a %s fault is not tried again', async (faultClass) => {
    let tries = 0;
    const step = async (): Promise<never> => {
      tries += 1;
      throw new Fault(faultClass, 'X', 'x');
    };
    await expect(
      patiently({ signal: never, patienceMs: Infinity, onFault: () => undefined }, step),
    ).rejects.toThrow('x');
    expect(tries).toBe(1);
  });

  test('a stop ends it', async () => {
    const stop = new AbortController();
    const step = async (): Promise<never> => {
      stop.abort();
      throw storeDown();
    };
    await expect(
      patiently({ signal: stop.signal, patienceMs: Infinity, onFault: () => undefined }, step),
    ).rejects.toThrow();
  });

  test('what is no fault of ours is named, and its text is not passed on', () => {
    for (const error of [new TypeError('postgres://user:secret@host'), 'secret']) {
      const fault = asFault(error);
      expect(fault.code).toBe('INTERNAL_ERROR');
      expect(fault.message).not.toContain('secret');
    }
  });
});
