import type { LiveStatus } from '../../src/cli/live-status.ts';

/** A running rotation, as a live view sees it. */
export function newLive(some: Partial<LiveStatus> = {}): LiveStatus {
  return {
    rotation: 'customers-ssn',
    state: 'running',
    pass: 1,
    total: 1000,
    enqueued: 1000,
    rotated: 400,
    skipped: 10,
    missing: 0,
    failed: 0,
    remaining: 590,
    conflicts: 0,
    rate: { configured: 500, effective: 500, observed: 498.2 },
    etaSeconds: 1.2,
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: null,
    reason: null,
    workers: 3,
    failuresByCode: {},
    outOfReachSince: null,
    ...some,
  };
}
