import { expect, test } from 'vitest';
import { toJobData } from '../../src/broker/job-data.ts';
import { describeJob } from '../../src/broker/queue-board.ts';

const batch = { epoch: 'e1', number: 7, refs: ['["1"]', '["2"]'], late: false };
const tally = { rotated: 3, skipped: 0, missing: 0, failed: 0, conflicts: 1 };
const failure = {
  ref: '["3"]',
  code: 'WRITTEN_UNREADABLE',
  message: 'the KMS refuses what it gave',
  requestId: null,
  time: '2026-01-01T00:00:00.000Z',
  attempts: 1,
};

test('a batch that was worked in part would show which records it holds', () => {
  const progress = { tally, failures: [failure], before: { v1: 3 }, left: ['["2"]'], fruitless: 0 };
  expect(describeJob(toJobData(batch, progress))).toEqual({
    epoch: 'e1',
    number: 7,
    refs: 0,
    late: false,
    progress: { tally, failures: 1, before: { v1: 3 }, left: 1, fruitless: 0 },
  });
});

test.each([
  ['a job of another program', { token: 'secret' }],
  ['a batch with more in it', { ...toJobData(batch, null), token: 'secret' }],
  ['text', 'secret'],
  ['nothing', null],
])('what somebody else put into the queue would be shown to all who look: %s', (_what, data) => {
  expect(JSON.stringify(describeJob(data))).not.toContain('secret');
});
