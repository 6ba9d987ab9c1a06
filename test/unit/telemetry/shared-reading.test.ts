import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { shareReading } from '../../../src/telemetry/shared-reading.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function count(): { reads: number; read: () => Promise<number> } {
  const counter = { reads: 0, read: async () => (counter.reads += 1) };
  return counter;
}

test('many who follow cost one reading a second, and nobody costs none', async () => {
  const counter = count();
  const shared = shareReading(counter.read, 1000);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(counter.reads).toBe(0);

  const seen: number[][] = [[], [], []];
  const leave = seen.map((readings) => shared.follow((reading) => void readings.push(reading)));
  await vi.advanceTimersByTimeAsync(4500);
  expect(counter.reads).toBe(5);
  expect(seen).toEqual(Array.from({ length: 3 }, () => [1, 2, 3, 4, 5]));

  leave[0]?.();
  await vi.advanceTimersByTimeAsync(1000);
  expect(seen.map((readings) => readings.length)).toEqual([5, 6, 6]);
  for (const each of leave) each();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(counter.reads).toBe(6);
});

test('who comes back after all have left is shown something again', async () => {
  const counter = count();
  const shared = shareReading(counter.read, 1000);
  shared.follow(() => undefined)();
  await vi.advanceTimersByTimeAsync(5000);
  const seen: number[] = [];
  shared.follow((reading) => void seen.push(reading));
  await vi.advanceTimersByTimeAsync(1000);
  expect(seen.length).toBeGreaterThanOrEqual(1);
});

test('a flood of asking costs two readings a second at most, also while a reading takes long', async () => {
  let reads = 0;
  const underWay: (() => void)[] = [];
  const shared = shareReading(async () => {
    reads += 1;
    await new Promise<void>((resolve) => underWay.push(resolve));
    return reads;
  }, 1000);
  const asked: Promise<number>[] = [];
  for (let ms = 0; ms < 6000; ms += 100) {
    if (ms === 3000) underWay.shift()?.();
    asked.push(shared.latest());
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(reads).toBe(2);
  underWay.shift()?.();
  expect(new Set(await Promise.all(asked))).toEqual(new Set([1, 2]));
});
