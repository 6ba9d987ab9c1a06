import { describe, expect, test } from 'vitest';
import { emptyTally } from '../../src/rotation/batch.ts';
import type { LedgerSnapshot } from '../../src/rotation/ports/ledger.ts';
import { reportStatus } from '../../src/rotation/status.ts';

const base: LedgerSnapshot = {
  state: 'running',
  epoch: 'e',
  pass: 1,
  pin: { keyId: 'k', versionId: 'v' },
  planDigest: 'sha256:0',
  planParts: null,
  estimate: 1000,
  enqueued: 600,
  batches: 2,
  settledBatches: 1,
  scanned: false,
  acceptedFailures: 0,
  tally: { ...emptyTally, rotated: 400, skipped: 10, failed: 1, conflicts: 3 },
  before: { v1: 400 },
  reason: null,
  pauseCause: null,
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: null,
};
const rates = { configured: 500, effective: 500 };
const workers = { alive: 1, callsPerSecond: 498.234, recordsPerSecond: 500 };

describe('status', () => {
  test('it has the fields and the form of the contract', () => {
    expect(reportStatus('customers-ssn', base, rates, workers, { BAD_FORMAT: 1 })).toEqual({
      rotation: 'customers-ssn',
      state: 'running',
      pass: 1,
      total: 1000,
      enqueued: 600,
      rotated: 400,
      skipped: 10,
      missing: 0,
      failed: 1,
      remaining: 589,
      conflicts: 3,
      rate: { configured: 500, effective: 500, observed: 498.2 },
      etaSeconds: 1.2,
      startedAt: '2026-01-01T00:00:00.000Z',
      finishedAt: null,
      reason: null,
      failuresByCode: { BAD_FORMAT: 1 },
      workers: 1,
    });
  });

  test('once the store is enqueued the estimate no longer counts', () => {
    expect(reportStatus('r', { ...base, scanned: true }, rates, workers, {})).toMatchObject({
      total: 600,
      remaining: 189,
    });
  });

  test('an estimate that was too low makes no negative remainder', () => {
    const low = { ...base, estimate: 1 };
    expect(reportStatus('r', low, rates, workers, {})).toMatchObject({ total: 600, remaining: 189 });
    const tally = { ...emptyTally, rotated: 700 };
    expect(reportStatus('r', { ...low, tally }, rates, workers, {})).toMatchObject({
      remaining: 0,
      etaSeconds: 0,
    });
  });

  test('a rate that nothing throttles is the configured one, however fine', () => {
    const fine = { configured: 0.25, effective: 0.25 };
    expect(reportStatus('r', base, fine, workers, {}).rate).toEqual({ ...fine, observed: 498.2 });
    const throttled = { ...fine, effective: 0.175 };
    expect(reportStatus('r', base, throttled, workers, {}).rate.effective).toBe(0.2);
  });

  test('no time is promised while nothing moves', () => {
    expect(reportStatus('r', base, rates, { ...workers, recordsPerSecond: 0 }, {}).etaSeconds).toBeNull();
    expect(reportStatus('r', { ...base, state: 'paused' }, rates, workers, {}).etaSeconds).toBeNull();
  });
});
