import { describe, expect, test } from 'vitest';
import { describeLive, describeLiveLine } from '../../src/cli/live-lines.ts';
import type { LiveStatus } from '../../src/cli/live-status.ts';
import { newLive } from '../support/new-live.ts';

const now = new Date(2026, 0, 2, 3, 4, 50);

function lines(some: Partial<LiveStatus>, columns = 80): string[] {
  return describeLive(newLive(some), columns, now).map(({ text }) => text);
}

function toneOf(some: Partial<LiveStatus>, label: string): string | undefined {
  return describeLive(newLive(some), 80, now).find(({ text }) => text.startsWith(label))?.tone;
}

const everything: Partial<LiveStatus> = {
  state: 'paused',
  pass: 3,
  enqueued: 900,
  failed: 9,
  conflicts: 2,
  failuresByCode: { A_CODE: 5, B_CODE: 4, C_CODE: 3, D_CODE: 2, E_CODE: 1, F_CODE: 1 },
  rate: { configured: 500, effective: 350, observed: 349.9 },
  reason: 'more failed than limits.maxFailures\u001B[31m\r\nallows, which is a reason in many words',
  outOfReachSince: new Date(2026, 0, 2, 3, 4, 5).toISOString(),
};

test('a rotation that goes well is told in six lines', () => {
  expect(lines({})).toEqual([
    'rotation  customers-ssn running',
    `records   [${'='.repeat(24)}${' '.repeat(36)}]  41%`,
    '          410 of 1000: 400 rotated, 10 skipped, 0 missing, 0 failed',
    'rate      498.2 KMS calls/s, limit 500/s',
    'ETA       2s',
    'workers   3 alive',
  ]);
});

test('throttling, failures, a pause and an outage are all told, and nothing that a terminal obeys', () => {
  expect(lines(everything).slice(2)).toEqual([
    '          419 of 1000 (900 enqueued): 400 rotated, 10 skipped, 0 missing, 9',
    '          failed; 2 conflicts',
    'rate      349.9 KMS calls/s, limit 500/s, held at 350/s after 429',
    'ETA       2s',
    'workers   3 alive',
    'failures  A_CODE 5, B_CODE 4, C_CODE 3, D_CODE 2, E_CODE 1, …',
    'reason    more failed than limits.maxFailures [31m allows, which is a reason in',
    '          many words',
    "          'keyturn resume' goes on where it stood",
    'broker    out of reach since 03:04:05 (45s); what is shown is from before',
  ]);
});

test.each([1, 20, 30, 46, 80, 200])('no line fills a terminal of %d columns, so none wraps', (columns) => {
  for (const line of lines({ ...everything, reason: 'x'.repeat(300) }, columns))
    expect(line.length).toBeLessThan(Math.max(columns, 24));
});

test('the bar is full only when all is done', () => {
  expect(lines({ total: 100_000, remaining: 1 })[1]).toMatch(/= \] +99%$/);
  expect(lines({ state: 'finished', remaining: 0 })[1]).toMatch(/\[=+\] 100%$/);
  expect(lines({ state: 'new', total: 0, remaining: 0 })[1]).toMatch(/\[ +\] +0%$/);
});

describe('colours', () => {
  test.each([
    ['rotation', { state: 'finished' }, 'good'],
    ['rotation', { state: 'finished', failed: 1 }, 'plain'],
    ['rotation', { state: 'paused' }, 'warning'],
    ['rotation', { state: 'cancelled' }, 'bad'],
    ['rate', { rate: { configured: 5, effective: 4, observed: 4 } }, 'warning'],
    ['workers', { workers: 0 }, 'warning'],
    ['failures', { failed: 1 }, 'bad'],
  ] as const)('%s of %o is %s', (label, some, tone) => {
    expect(toneOf(some, label)).toBe(tone);
  });
});

test('a running rotation without a worker says what to start', () => {
  expect(lines({ workers: 0 }).slice(-2)).toEqual([
    'workers   none alive',
    "          no worker is up: start 'keyturn work'",
  ]);
});

test('for a log all of it is one line', () => {
  expect(describeLiveLine(newLive({}), now)).toBe(
    'customers-ssn running: 410 of 1000 records (41%), 0 failed; 498.2 KMS calls/s, limit 500/s; 3 workers; about 2s to go',
  );
  const line = describeLiveLine(newLive(everything), now);
  expect(line).toContain('reason: more failed');
  expect(line).toContain('broker out of reach since 03:04:05');
  expect(line).not.toMatch(/\p{Cc}/u);
});
