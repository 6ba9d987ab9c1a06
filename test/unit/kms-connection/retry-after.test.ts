import { describe, expect, test } from 'vitest';
import { parseRetryAfter } from '../../../src/kms/connection/retry-after.ts';

describe('Retry-After', () => {
  const now = Date.UTC(1994, 10, 6, 8, 49, 30);

  test.each([
    ['0', 0],
    ['7', 7000],
    [' 1.5 ', 1500],
    ['-5', 0],
    ['99999999999999999999', 3_600_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 7000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 7000],
    ['Sun Nov  6 08:49:37 1994', 7000],
    ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
    ['Tue, 01 Jan 2999 00:00:00 GMT', 3_600_000],
  ])('%j is %i ms', (header, delayMs) => {
    expect(parseRetryAfter(header, undefined, now)).toBe(delayMs);
  });

  test.each(['', 'soon', 'maybe 12', '1e3', 'Sun, 99 Foo 1994', '2030-01-01', '7 seconds'])(
    'rubbish names no delay: %j',
    (header) => {
      expect(parseRetryAfter(header, undefined, now)).toBeUndefined();
    },
  );

  test.each([
    ['Sun, 06 Nov 1994 08:49:30 GMT', 7000],
    ['Sun Nov  6 08:49:35 1994', 2000],
    ['rubbish', 3_600_000],
  ])(
    'a date is judged by the server’s own %j, so that a wrong clock of ours stops nobody',
    (date, delayMs) => {
      const twoHoursAgo = now - 7_200_000;
      expect(parseRetryAfter('Sun, 06 Nov 1994 08:49:37 GMT', date, twoHoursAgo)).toBe(delayMs);
    },
  );

  test('a missing header names no delay', () => {
    expect(parseRetryAfter(undefined, undefined, now)).toBeUndefined();
  });
});
