import { expect, test } from 'vitest';
import { createRollingWindow } from '../../src/kms/emulator/rolling-window.ts';

test('no window of a second holds more than the limit, wherever it begins', () => {
  const limit = 7;
  const window = createRollingWindow(limit, 1000);
  const admitted: number[] = [];
  for (let at = 0; at < 5000; at += 13) {
    if (window.admit(at)) admitted.push(at);
  }
  for (const from of admitted) {
    expect(admitted.filter((at) => at >= from && at < from + 1000).length).toBeLessThanOrEqual(limit);
  }
  expect(admitted.length).toBeGreaterThanOrEqual(5 * limit - 1);
});

test('a burst across the turn of a second is not let through, as a fixed window would', () => {
  const window = createRollingWindow(2, 1000);
  expect([900, 950, 1001, 1899, 1900, 1901, 1950].map((at) => window.admit(at))).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
});

test('what was refused does not count against those who come later', () => {
  const window = createRollingWindow(1, 1000);
  expect(window.admit(0)).toBe(true);
  for (let at = 1; at < 1000; at++) expect(window.admit(at)).toBe(false);
  expect(window.admit(1000)).toBe(true);
});
