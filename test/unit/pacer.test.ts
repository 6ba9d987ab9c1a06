import { eitherSignal } from '../../src/rotation/either-signal.ts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createPacer } from '../../src/rotation/calls/pacer.ts';
import { Fault } from '../../src/rotation/faults.ts';
import type { Pace } from '../../src/rotation/ports/pace.ts';
import { createFreePace } from '../support/core.ts';

const never = eitherSignal(new AbortController().signal);

/** A pace of `rate` calls per second on the fake clock, as the broker keeps it. */
function createClockPace(rate: number): Pace & { takes: number[]; notBefore: number; mostAhead: number } {
  let free = 0;
  const pace = {
    ...createFreePace(),
    takes: [] as number[],
    notBefore: 0,
    /** Milliseconds from now to the end of what was granted, at the most. */
    mostAhead: 0,
    async take(calls: number) {
      pace.takes.push(calls);
      const now = performance.now();
      const start = Math.max(now, free, pace.notBefore);
      free = start + (calls * 1000) / rate;
      pace.mostAhead = Math.max(pace.mostAhead, free - now);
      return { delayMs: start - now, spacingMs: 1000 / rate, effectiveRate: rate };
    },
  };
  return pace;
}

const observer = { waited: () => undefined, fault: () => undefined };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('pacer', () => {
  test('calls start at the rate, neither in bursts nor slower', async () => {
    const pacer = createPacer(createClockPace(100), observer);
    const starts: number[] = [];
    const work = Promise.all(
      Array.from({ length: 200 }, async () => {
        await pacer.slot(never);
        starts.push(performance.now());
      }),
    );
    await vi.advanceTimersByTimeAsync(2200);
    await work;
    for (const from of starts) {
      expect(starts.filter((at) => at >= from && at < from + 1000).length).toBeLessThanOrEqual(102);
    }
    expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeLessThan(2100);
  });

  test('a slice holds a quarter of a second at most, so that a new rate bites soon', async () => {
    const pace = createClockPace(100);
    const pacer = createPacer(pace, observer);
    await Promise.all([
      Promise.all(Array.from({ length: 300 }, async () => pacer.slot(never))),
      vi.advanceTimersByTimeAsync(4000),
    ]);
    expect(pace.takes[0]).toBe(1);
    expect(pace.mostAhead).toBeLessThan(600);
    // A quarter of a second, and while the process is cold the slots that it leaves unused.
    expect(Math.max(...pace.takes)).toBeLessThanOrEqual(Math.ceil(25 / 0.9));
  });

  test('slots missed by a held-up process are given up, not used late in a burst', async () => {
    const pacer = createPacer(createClockPace(100), observer);
    let started = 0;
    async function startCall(): Promise<void> {
      await pacer.slot(never);
      started += 1;
    }
    void Promise.all(Array.from({ length: 100 }, startCall));
    await vi.advanceTimersByTimeAsync(50);
    const before = started;
    // Half a second in which no timer runs: the event loop was busy.
    vi.setSystemTime(Date.now() + 500);
    const clock = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => clock + 500);
    await vi.advanceTimersByTimeAsync(1);
    expect(started - before).toBeLessThanOrEqual(4);
    vi.restoreAllMocks();
  });

  test('a Retry-After holds all calls back', async () => {
    const pace = createClockPace(100);
    pace.notBefore = performance.now() + 3000;
    const pacer = createPacer(pace, observer);
    let started = false;
    void pacer.slot(never)?.then(() => (started = true));
    await vi.advanceTimersByTimeAsync(2900);
    expect(started).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(started).toBe(true);
  });

  test('without a limit the broker is asked ten times a second, not for each call', async () => {
    const pace = createFreePace();
    let takes = 0;
    const counted = { ...pace, take: async (calls: number) => ((takes += 1), pace.take(calls)) };
    const pacer = createPacer(counted, observer);
    for (let call = 0; call < 1000; call += 1) await pacer.slot(never);
    expect(takes).toBe(1);
  });

  test('a stop frees those who wait', async () => {
    const pace = createClockPace(1);
    pace.notBefore = performance.now() + 60_000;
    const stop = new AbortController();
    const pacer = createPacer(pace, observer);
    const waiting = Promise.allSettled([pacer.slot(stop.signal), pacer.slot(stop.signal)]);
    await vi.advanceTimersByTimeAsync(10);
    stop.abort();
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(pacer.slot(stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('an outage of the broker is waited out, and told', async () => {
    const faults: string[] = [];
    let down = true;
    const free = createFreePace();
    const pace: Pace = {
      ...free,
      take: async (calls) => {
        if (down)
          throw new Fault('transient', 'BROKER_UNREACHABLE', 'broker is out of reach', { peer: 'broker' });
        return free.take(calls);
      },
    };
    const pacer = createPacer(pace, { waited: () => undefined, fault: ({ code }) => void faults.push(code) });
    const slot = pacer.slot(never);
    await vi.advanceTimersByTimeAsync(1000);
    down = false;
    await vi.advanceTimersByTimeAsync(6000);
    await slot;
    expect(faults).toContain('BROKER_UNREACHABLE');
  });

  test('a stop during an outage of the broker ends the asking', async () => {
    let takes = 0;
    const pace: Pace = {
      ...createFreePace(),
      take: async () => {
        takes += 1;
        throw new Fault('transient', 'BROKER_UNREACHABLE', 'broker is out of reach', { peer: 'broker' });
      },
    };
    const stop = new AbortController();
    const pacer = createPacer(pace, observer);
    const slot = pacer.slot(stop.signal);
    await vi.advanceTimersByTimeAsync(300);
    stop.abort();
    await expect(slot).rejects.toMatchObject({ code: 'ABORTED' });
    const asked = takes;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(takes).toBeLessThanOrEqual(asked + 1);
  });

  test('a broker that refuses us fails those who wait', async () => {
    const pace: Pace = {
      ...createFreePace(),
      take: async () => {
        throw new Fault('rotation', 'BROKER_DENIED', 'broker denies', { peer: 'broker' });
      },
    };
    const pacer = createPacer(pace, observer);
    await expect(pacer.slot(never)).rejects.toMatchObject({ code: 'BROKER_DENIED' });
  });

  test('calls that cost several items keep to the rate of items', async () => {
    const pace = createClockPace(100);
    const pacer = createPacer(pace, observer);
    const starts: number[] = [];
    const began = performance.now();
    const work = Promise.all(
      Array.from({ length: 8 }, async () => {
        await pacer.slot(never, 25);
        starts.push(performance.now() - began);
      }),
    );
    await vi.advanceTimersByTimeAsync(2000);
    await work;
    expect(starts).toEqual([0, 250, 500, 750, 1000, 1250, 1500, 1750]);
    expect(pace.takes).toEqual(Array.from({ length: 8 }, () => 25));
  });

  test('a stop frees a call that costs several items, also while the broker is down', async () => {
    for (const take of [
      async () => ({ delayMs: 60_000, spacingMs: 10, effectiveRate: 100 }),
      async () => {
        throw new Fault('transient', 'BROKER_UNREACHABLE', 'broker is out of reach', { peer: 'broker' });
      },
    ]) {
      const stop = new AbortController();
      const slot = createPacer({ ...createFreePace(), take }, observer).slot(stop.signal, 25);
      const ended = expect(slot).rejects.toMatchObject({ code: 'ABORTED' });
      await vi.advanceTimersByTimeAsync(300);
      stop.abort();
      await ended;
    }
  });

  test('a 429 reaches the pace', async () => {
    const pace = createFreePace();
    await createPacer(pace, observer).penalize(700);
    expect(pace.penalties).toEqual([700]);
  });
});
