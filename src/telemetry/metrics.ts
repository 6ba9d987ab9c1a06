import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { BatchOutcome, Tally } from '../rotation/batch.ts';
import { pauseCauses, type PauseCause } from '../rotation/ports/ledger.ts';
import type { Pace } from '../rotation/ports/pace.ts';
import { states, type RotationState } from '../rotation/state.ts';
import { writeOutcomes, type WriteOutcome } from '../rotation/write-outcome.ts';
import { createSecondsHistogram, type SecondsHistogram } from './seconds-histogram.ts';
import type { StoreOperation } from './measured-store.ts';

/** From 1 ms to 60 s: prom-client 15 has no native histograms. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export type QueueCounts = Readonly<Record<'waiting' | 'delayed' | 'active' | 'failed', number>>;

/** What is read when Prometheus scrapes. */
export interface MetricSources {
  readonly remaining: () => number;
  readonly state: () => RotationState;
  /** Null unless it is paused. */
  readonly pauseCause: () => PauseCause | null;
  /** Of both, null where the broker does not answer: the series is then absent. */
  readonly rates: () => Promise<Awaited<ReturnType<Pace['rates']>> | null>;
  readonly queueCounts: () => Promise<QueueCounts | null>;
}

export interface Metrics {
  readonly contentType: string;
  kmsCalled(code: string, seconds: number): void;
  /** All KMS calls so far, probes included. */
  readonly kmsCalls: () => number;
  storeUsed(op: StoreOperation, seconds: number): void;
  /**
   * KMS calls that were not needed, as another record of the batch, or of one before, had the same
   * ciphertext.
   */
  kmsCallsSaved(by: 'batch' | 'cache', calls: number): void;
  /** A record was written, and read again to see whether it can be opened. */
  writeVerified(outcome: WriteOutcome): void;
  paceWaited(seconds: number): void;
  batchStarted(): void;
  batchEnded(outcome: BatchOutcome, seconds: number, gained: Tally): void;
  setAside(code: string): void;
  /** The text that Prometheus scrapes. */
  render(sources: MetricSources): Promise<string>;
}

/** The metrics of the contract. Labels hold codes and states, never a key, row or tenant. */
export function createMetrics(rotation: string, provider: string, version: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ rotation });
  collectDefaultMetrics({ register: registry });
  const at = { registers: [registry] };

  const records = counter('records_total', 'Records by outcome', ['outcome']);
  const conflicts = counter('conflicts_total', 'Lost compare-and-swaps', []);
  const kmsRequests = counter('kms_requests_total', 'KMS calls by result code', ['provider', 'code']);
  const kmsSeconds = ofEachCall('kms_request_duration_seconds', 'Duration of a KMS call', { provider });
  const kmsSaved = counter('kms_calls_saved_total', 'KMS calls not needed for equal ciphertexts', ['by']);
  const writes = counter('writes_verified_total', 'Written records that were checked', ['outcome']);
  const storeSeconds = histogram('store_duration_seconds', 'Duration of a store round trip', ['op']);
  const batches = counter('batches_total', 'Batches by outcome', ['outcome']);
  const batchSeconds = histogram('batch_duration_seconds', 'Duration of a batch in a worker', []);
  const inFlight = gauge('batches_in_flight', 'Batches in work in this process', []);
  const paceWait = ofEachCall('pace_wait_seconds', 'Wait of a KMS call for its time slot', {});
  const failures = counter('failures_total', 'Records set aside, by code', ['code']);
  gauge('build_info', 'Version of keyturn', ['version']).set({ version }, 1);
  const rate = gauge('rate_limit', 'KMS calls per second over all workers; +Inf = no limit', ['kind']);
  const remaining = gauge('remaining_records', 'Records still to do', []);
  const state = gauge('rotation_state', '1 for the state that the rotation is in', ['state']);
  const paused = gauge('paused', '1 for who paused the rotation', ['cause']);
  const jobs = gauge('queue_jobs', 'Batches in the broker by state', ['state']);
  for (const outcome of ['rotated', 'skipped', 'missing', 'failed']) records.inc({ outcome }, 0);
  for (const by of ['batch', 'cache']) kmsSaved.inc({ by }, 0);
  for (const outcome of writeOutcomes) writes.inc({ outcome }, 0);
  let kmsCalls = 0;
  /** Counted when Prometheus looks: each call of the KMS passes here. */
  const callsByCode = new Map<string, number>();

  function counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    return new Counter({ name: `keyturn_${name}`, help, labelNames, ...at });
  }
  function gauge<T extends string>(name: string, help: string, labelNames: T[]): Gauge<T> {
    return new Gauge({ name: `keyturn_${name}`, help, labelNames, ...at });
  }
  function histogram<T extends string>(name: string, help: string, labelNames: T[]): Histogram<T> {
    return new Histogram({ name: `keyturn_${name}`, help, labelNames, buckets: secondsBuckets, ...at });
  }

  function ofEachCall(name: string, help: string, labels: Record<string, string>): SecondsHistogram {
    return createSecondsHistogram(`keyturn_${name}`, help, secondsBuckets, { ...labels, rotation });
  }

  return {
    contentType: registry.contentType,
    kmsCalled(code, seconds) {
      kmsCalls += 1;
      callsByCode.set(code, (callsByCode.get(code) ?? 0) + 1);
      kmsSeconds.observe(seconds);
    },
    kmsCalls: () => kmsCalls,
    kmsCallsSaved: (by, calls) => kmsSaved.inc({ by }, calls),
    writeVerified: (outcome) => writes.inc({ outcome }),
    storeUsed: (op, seconds) => storeSeconds.observe({ op }, seconds),
    paceWaited: (seconds) => paceWait.observe(seconds),
    batchStarted: () => inFlight.inc(),
    batchEnded(outcome, seconds, gained) {
      inFlight.dec();
      batches.inc({ outcome });
      batchSeconds.observe(seconds);
      records.inc({ outcome: 'rotated' }, gained.rotated);
      records.inc({ outcome: 'skipped' }, gained.skipped);
      records.inc({ outcome: 'missing' }, gained.missing);
      records.inc({ outcome: 'failed' }, gained.failed);
      conflicts.inc(gained.conflicts);
    },
    setAside: (code) => failures.inc({ code }),
    async render(sources) {
      const [rates, counts] = await Promise.all([sources.rates(), sources.queueCounts()]);
      for (const [code, calls] of callsByCode) kmsRequests.inc({ provider, code }, calls);
      callsByCode.clear();
      rate.reset();
      for (const [kind, perSecond] of Object.entries(rates ?? {})) rate.set({ kind }, perSecond ?? Infinity);
      jobs.reset();
      for (const [name, count] of Object.entries(counts ?? {})) jobs.set({ state: name }, count);
      const current = sources.state();
      for (const name of states) state.set({ state: name }, name === current ? 1 : 0);
      const cause = sources.pauseCause();
      for (const name of pauseCauses) paused.set({ cause: name }, name === cause ? 1 : 0);
      remaining.set(sources.remaining());
      return (await registry.metrics()) + kmsSeconds.render() + paceWait.render();
    },
  };
}
