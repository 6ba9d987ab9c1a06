import { describe, expect, test } from 'vitest';
import { states } from '../../../src/rotation/state.ts';
import { createMetrics, type Metrics, type MetricSources } from '../../../src/telemetry/metrics.ts';
import { contractMetrics } from '../../support/contract-metrics.ts';
import { parseMetrics, type Scrape } from '../../support/parse-metrics.ts';

const sources: MetricSources = {
  remaining: () => 589,
  state: () => 'running',
  pauseCause: () => null,
  rates: async () => ({ configured: 500, effective: 350 }),
  queueCounts: async () => ({ waiting: 4, delayed: 3, active: 2, failed: 1 }),
};

/** After some of everything has happened. */
function useAll(): Metrics {
  const metrics = createMetrics('customers-ssn', 'yandex', '1.2.3');
  metrics.batchStarted();
  metrics.batchStarted();
  metrics.batchStarted();
  metrics.batchEnded('settled', 0.2, { rotated: 7, skipped: 5, missing: 1, failed: 2, conflicts: 3 });
  metrics.batchEnded('handedBack', 2, { rotated: 1, skipped: 0, missing: 0, failed: 0, conflicts: 0 });
  metrics.setAside('INVALID_ARGUMENT');
  metrics.setAside('BAD_FORMAT');
  metrics.kmsCalled('OK', 0.01);
  metrics.kmsCalled('OK', 0.02);
  metrics.kmsCalled('UNAVAILABLE', 1);
  for (const op of ['scan', 'count', 'read', 'replace'] as const) metrics.storeUsed(op, 0.003);
  metrics.kmsCallsSaved('batch', 3);
  metrics.paceWaited(0.5);
  return metrics;
}

async function scrape(metrics: Metrics, changed: Partial<MetricSources> = {}): Promise<Scrape> {
  return parseMetrics(await metrics.render({ ...sources, ...changed }));
}

test('the metrics have the names and labels of the contract, and no others', async () => {
  const { series, types } = await scrape(useAll());
  const ours = [...types.keys()].filter((name) => name.startsWith('keyturn_'));
  expect(ours.toSorted()).toEqual(
    Object.keys(contractMetrics)
      .map((name) => `keyturn_${name}`)
      .toSorted(),
  );
  for (const [name, own] of Object.entries(contractMetrics)) {
    const isHistogram = types.get(`keyturn_${name}`) === 'histogram';
    const lines = series.filter(
      (each) => each.name.replace(/_(bucket|sum|count)$/, '') === `keyturn_${name}`,
    );
    expect(lines, name).not.toEqual([]);
    for (const { name: line, labels } of lines) {
      const bucket = isHistogram && line.endsWith('_bucket') ? ['le'] : [];
      expect(Object.keys(labels).toSorted(), line).toEqual([...own, ...bucket, 'rotation'].toSorted());
    }
  }
});

test('every series, those of the Node process too, carries the rotation', async () => {
  const { series } = await scrape(useAll());
  expect(series.map(({ name }) => name)).toContain('process_cpu_seconds_total');
  for (const { name, labels } of series) expect(labels['rotation'], name).toBe('customers-ssn');
});

test('what happened is counted under its outcome, code and operation', async () => {
  const metrics = useAll();
  const { value } = await scrape(metrics);
  for (const [name, label, counts] of [
    ['records_total', 'outcome', { rotated: 8, skipped: 5, missing: 1, failed: 2 }],
    ['batches_total', 'outcome', { settled: 1, handedBack: 1 }],
    ['kms_requests_total', 'code', { OK: 2, UNAVAILABLE: 1 }],
    ['kms_request_duration_seconds_count', 'provider', { yandex: 3 }],
    ['store_duration_seconds_count', 'op', { scan: 1, count: 1, read: 1, replace: 1 }],
    ['failures_total', 'code', { INVALID_ARGUMENT: 1, BAD_FORMAT: 1 }],
    ['build_info', 'version', { '1.2.3': 1 }],
  ] as const) {
    for (const [each, count] of Object.entries(counts))
      expect(value(`keyturn_${name}`, { [label]: each }), `${name} ${each}`).toBe(count);
  }
  expect(value('keyturn_conflicts_total')).toBe(3);
  expect(value('keyturn_batches_in_flight')).toBe(1);
  expect(value('keyturn_batch_duration_seconds_sum')).toBe(2.2);
  expect(value('keyturn_pace_wait_seconds_sum')).toBe(0.5);
  expect(metrics.kmsCalls()).toBe(3);
});

test('outcomes are there from the start, so that a rate over them does not miss the first', async () => {
  const { value } = await scrape(createMetrics('r', 'yandex', '1'));
  for (const outcome of ['rotated', 'skipped', 'missing', 'failed'])
    expect(value('keyturn_records_total', { outcome })).toBe(0);
  expect(value('keyturn_conflicts_total')).toBe(0);
});

describe('what is read at the scrape', () => {
  test('is as the sources say', async () => {
    const { value } = await scrape(useAll());
    expect(value('keyturn_remaining_records')).toBe(589);
    expect(value('keyturn_rate_limit', { kind: 'configured' })).toBe(500);
    expect(value('keyturn_rate_limit', { kind: 'effective' })).toBe(350);
    for (const [state, jobs] of Object.entries({ waiting: 4, delayed: 3, active: 2, failed: 1 }))
      expect(value('keyturn_queue_jobs', { state }), state).toBe(jobs);
  });

  test.each(states)('shows the state %s alone as 1', async (current) => {
    const metrics = useAll();
    await scrape(metrics);
    const { value } = await scrape(metrics, { state: () => current });
    for (const state of states)
      expect(value('keyturn_rotation_state', { state }), state).toBe(state === current ? 1 : 0);
  });

  test.each(['operator', 'failures', 'refused', null] as const)(
    'shows %s alone as who paused the rotation',
    async (current) => {
      const { value } = await scrape(useAll(), { state: () => 'paused', pauseCause: () => current });
      for (const cause of ['operator', 'failures', 'refused'])
        expect(value('keyturn_paused', { cause }), cause).toBe(cause === current ? 1 : 0);
    },
  );

  test('shows no limit as infinity', async () => {
    const { value } = await scrape(useAll(), { rates: async () => ({ configured: null, effective: null }) });
    expect(value('keyturn_rate_limit', { kind: 'configured' })).toBe(Infinity);
    expect(value('keyturn_rate_limit', { kind: 'effective' })).toBe(Infinity);
  });

  test('leaves out what a silent broker does not tell, rather than show old numbers', async () => {
    const metrics = useAll();
    await scrape(metrics);
    const { series, value } = await scrape(metrics, {
      rates: async () => null,
      queueCounts: async () => null,
    });
    const names = new Set(series.map(({ name }) => name));
    expect(names).not.toContain('keyturn_rate_limit');
    expect(names).not.toContain('keyturn_queue_jobs');
    expect(value('keyturn_records_total', { outcome: 'rotated' })).toBe(8);
  });
});
