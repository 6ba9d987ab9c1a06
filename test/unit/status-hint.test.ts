import { describe, expect, test } from 'vitest';
import { describeLive } from '../../src/cli/live-lines.ts';
import { describeStatus } from '../../src/cli/read-status.ts';
import { hintForOnlooker } from '../../src/cli/status-hint.ts';
import { newLive } from '../support/new-live.ts';

const waiting = { enqueued: 410, etaSeconds: null };

describe('a rotation that stands would not say what to do', () => {
  test.each([
    ['new, or lost with the broker', { state: 'new' }, /'keyturn enqueue'/],
    ['paused', { state: 'paused' }, /'keyturn resume'/],
    ['no worker', { workers: 0 }, /'keyturn work'/],
    ['nothing left in the queue, and the store not at its end', waiting, /'keyturn enqueue'/],
    ['nothing ends, though there is work', { etaSeconds: null }, /'keyturn check'/],
  ] as const)('%s', (_why, some, hint) => {
    const live = newLive(some);
    expect(hintForOnlooker(live)).toMatch(hint);
    const lines = describeLive(live, 200).map(({ text }) => text);
    expect(lines).toContainEqual(expect.stringMatching(hint));
  });

  test('nor how much of the store is enqueued', () => {
    expect(describeStatus(newLive(waiting))).toContain('1000 in all (410 enqueued), 400 rotated');
    expect(describeStatus(newLive())).toContain('1000 in all, 400 rotated');
  });
});

test.each([
  {},
  { enqueued: 410 },
  { state: 'finished', remaining: 0, workers: 0 },
  { state: 'cancelled', etaSeconds: null },
  { remaining: 0, etaSeconds: 0 },
] as const)('a hint where all goes well would be believed no more: %o', (some) => {
  expect(hintForOnlooker(newLive(some))).toBeNull();
});

test('who resumes it would be told at once that nothing moves', () => {
  const resumed = newLive({ etaSeconds: null });
  expect(describeStatus(resumed)).not.toContain('no batch');
  expect(describeStatus(resumed, hintForOnlooker(resumed))).toContain('\nno batch has ended');
  expect(describeStatus(newLive({ state: 'paused' }))).toContain("\n'keyturn resume' goes on");
});
