import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { describeDuration } from '../../src/cli/duration.ts';
import { describeBar, openProgress } from '../../src/cli/progress.ts';

test.each([
  [0, 0, null, 'rotate [                  ]   0% | 0/1000 | 0/s'],
  [999, 12.4, 0.08, 'rotate [================= ]  99% | 999/1000 | 12/s | ETA 1s'],
  [1000, 12.6, null, 'rotate [==================] 100% | 1000/1000 | 13/s'],
])('a bar at %d of 1000 is full only when all is done', (done, perSecond, secondsLeft, text) => {
  expect(describeBar('rotate', { done, total: 1000, perSecond, secondsLeft })).toBe(text);
});

test('a bar fits into 80 columns with a billion records', () => {
  const total = 1_000_000_000;
  const bar = describeBar('encrypt', { done: total - 1, total, perSecond: 9999, secondsLeft: 100_000 });
  expect(bar.length).toBeLessThan(80);
});

test('a bar over nothing, or over more than was expected, is full and no longer', () => {
  for (const [done, total] of [
    [0, 0],
    [7, 5],
  ] as const)
    expect(describeBar('verify', { done, total, perSecond: 0, secondsLeft: null })).toContain(
      '[==================] 100%',
    );
});

test.each([
  [0.2, '1s'],
  [59, '59s'],
  [59.1, '1m00s'],
  [125, '2m05s'],
  [3599.5, '1h00m'],
  [11_220, '3h07m'],
])('%d s are told as %s', (seconds, text) => {
  expect(describeDuration(seconds)).toBe(text);
});

describe('without a terminal', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  function openLines(start: { done: number; total: number }) {
    const lines: string[] = [];
    const output = { line: (text: string) => void lines.push(text), result: () => undefined };
    return { lines, progress: openProgress('rotate', start, output) };
  }

  test('a plain line comes every five seconds', () => {
    const { lines, progress } = openLines({ done: 0, total: 1000 });
    for (let second = 1; second <= 11; second += 1) {
      vi.advanceTimersByTime(1000);
      progress.update(second * 10);
    }
    progress.stop();
    expect(lines).toEqual([
      'rotate: 50 of 1000 records, 10/s, about 1m35s to go',
      'rotate: 100 of 1000 records, 10/s, about 1m30s to go',
    ]);
  });

  test('what was done before does not count as speed', () => {
    const { lines, progress } = openLines({ done: 5000, total: 6000 });
    vi.advanceTimersByTime(5000);
    progress.update(5100);
    expect(lines).toEqual(['rotate: 5100 of 6000 records, 20/s, about 45s to go']);
  });

  test('the total may grow, and a standstill has no end in sight', () => {
    const { lines, progress } = openLines({ done: 0, total: 10 });
    vi.advanceTimersByTime(5000);
    progress.update(0, 20);
    expect(lines).toEqual(['rotate: 0 of 20 records, 0/s']);
  });
});
