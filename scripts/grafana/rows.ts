import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { lines, stat, timeline, type Query } from './panel.ts';

/** A heading, and the panels below it. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Builder<Panel>[];
}

/** The series of the rotation that the viewer has chosen. */
function series(name: string, labels = ''): string {
  return `${name}{rotation="$rotation"${labels === '' ? '' : `, ${labels}`}}`;
}

/** Per second, over a window that always holds a few scrapes. */
function perSecond(counter: string): string {
  return `rate(${counter}[$__rate_interval])`;
}

function quantiles(histogram: string, by = ''): Query[] {
  const buckets = perSecond(series(`${histogram}_bucket`));
  const labels = by === '' ? 'le' : `le, ${by}`;
  return [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${labels}) (${buckets}))`,
    legend: `${by === '' ? '' : `{{${by}}} `}p${quantile * 100}`,
  }));
}

const done = perSecond(series('keyturn_records_total'));
const remaining = `max(${series('keyturn_remaining_records')})`;
const kmsCalls = perSecond(series('keyturn_kms_requests_total'));
const kmsErrors = perSecond(series('keyturn_kms_requests_total', 'code!="OK"'));

const progress: Row = {
  title: 'Progress',
  panels: [
    stat({
      title: 'Remaining',
      span: 6,
      description: 'Records still to do, as the ledger counts them.',
      unit: 'short',
      queries: [{ expr: remaining, legend: 'records' }],
    }),
    stat({
      title: 'Time to go',
      span: 6,
      description: 'At the pace of now; nothing while nothing moves.',
      unit: 's',
      queries: [{ expr: `${remaining} / (sum(${done}) > 0)`, legend: 'time' }],
    }),
    stat({
      title: 'Records per second',
      span: 6,
      description: 'Rotated, skipped, missing and failed, over all workers.',
      unit: 'short',
      queries: [{ expr: `sum(${done})`, legend: 'records' }],
    }),
    stat({
      title: 'Workers',
      span: 6,
      description: 'Processes that Prometheus reaches.',
      unit: 'short',
      queries: [{ expr: `count(${series('keyturn_build_info')})`, legend: 'workers' }],
    }),
    timeline({
      title: 'State',
      description: 'new, running, paused, finished or cancelled.',
      unit: 'short',
      queries: [{ expr: `max by (state) (${series('keyturn_rotation_state')}) == 1`, legend: '{{state}}' }],
    }),
    lines({
      title: 'Records by outcome',
      description: 'Missing: gone since it was enqueued. Failed: set aside, see keyturn failures.',
      unit: 'short',
      stacked: true,
      queries: [{ expr: `sum by (outcome) (${done})`, legend: '{{outcome}}' }],
    }),
    lines({
      title: 'Remaining records',
      description: 'A line that stays level while the state is running: nothing moves.',
      unit: 'short',
      queries: [{ expr: remaining, legend: 'remaining' }],
    }),
  ],
};

const kms: Row = {
  title: 'KMS',
  panels: [
    lines({
      title: 'Calls by result',
      span: 6,
      description: 'RESOURCE_EXHAUSTED is the 429 of the KMS: the pace falls by itself.',
      unit: 'reqps',
      stacked: true,
      queries: [{ expr: `sum by (code) (${kmsCalls})`, legend: '{{code}}' }],
    }),
    lines({
      title: 'Calls that fail',
      span: 6,
      description: 'Share of all calls; what passes is tried again.',
      unit: 'percentunit',
      queries: [{ expr: `(sum(${kmsErrors}) or vector(0)) / (sum(${kmsCalls}) > 0)`, legend: 'failing' }],
    }),
    lines({
      title: 'Duration of a call',
      span: 6,
      description: 'Until the whole reply is here.',
      unit: 's',
      queries: quantiles('keyturn_kms_request_duration_seconds'),
    }),
    lines({
      title: 'Calls saved',
      span: 6,
      description: 'Equal ciphertexts of a batch, or of batches before, are asked about once.',
      unit: 'reqps',
      queries: [
        { expr: `sum by (by) (${perSecond(series('keyturn_kms_calls_saved_total'))})`, legend: 'by {{by}}' },
      ],
    }),
  ],
};

const pace: Row = {
  title: 'Pace',
  panels: [
    lines({
      title: 'Calls against the limit',
      span: 12,
      description: 'Effective falls below configured after a 429, and climbs back.',
      unit: 'reqps',
      queries: [
        { expr: `sum(${kmsCalls})`, legend: 'calls' },
        { expr: `max by (kind) (${series('keyturn_rate_limit')})`, legend: 'limit, {{kind}}' },
      ],
    }),
    lines({
      title: 'Wait for a slot',
      span: 12,
      description: 'Long waits are the limit at work; short ones with a low rate: something else is slower.',
      unit: 's',
      queries: quantiles('keyturn_pace_wait_seconds'),
    }),
    lines({
      title: 'Batches in the broker',
      description: 'failed: jobs that someone else put into the queue.',
      unit: 'short',
      queries: [{ expr: `max by (state) (${series('keyturn_queue_jobs')})`, legend: '{{state}}' }],
    }),
    lines({
      title: 'Batches in work',
      description: 'Three per worker at most.',
      unit: 'short',
      queries: [{ expr: `sum(${series('keyturn_batches_in_flight')})`, legend: 'in work' }],
    }),
    lines({
      title: 'Duration of a batch',
      description: 'In one worker, waits for the pace included.',
      unit: 's',
      queries: quantiles('keyturn_batch_duration_seconds'),
    }),
  ],
};

const store: Row = {
  title: 'Store',
  panels: [
    lines({
      title: 'Round trips',
      span: 12,
      description: 'read and replace once per batch each, and again after a lost swap.',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (op) (${perSecond(series('keyturn_store_duration_seconds_count'))})`,
          legend: '{{op}}',
        },
      ],
    }),
    lines({
      title: 'Duration of a round trip',
      span: 12,
      description: 'Failed ones too.',
      unit: 's',
      queries: quantiles('keyturn_store_duration_seconds', 'op'),
    }),
  ],
};

const correctness: Row = {
  title: 'Correctness',
  panels: [
    lines({
      title: 'Failed records by code',
      description:
        'Set aside since the workers began; keyturn failures lists them, keyturn retry tries them.',
      unit: 'short',
      queries: [{ expr: `sum by (code) (${series('keyturn_failures_total')})`, legend: '{{code}}' }],
    }),
    lines({
      title: 'Lost swaps',
      description: 'The application wrote first: the record is read again. No fault.',
      unit: 'ops',
      queries: [{ expr: `sum(${perSecond(series('keyturn_conflicts_total'))})`, legend: 'conflicts' }],
    }),
    lines({
      title: 'Written records that were checked',
      description:
        'Opened by the KMS again, where verifyWrites asks for it. unreadable: the rotation pauses; keep the old version.',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (outcome) (${perSecond(series('keyturn_writes_verified_total'))})`,
          legend: '{{outcome}}',
        },
      ],
    }),
    lines({
      title: 'Batches by outcome',
      span: 12,
      description: 'handedBack: an outage, a pause or a stop. dropped: of a pass that is over.',
      unit: 'ops',
      queries: [
        { expr: `sum by (outcome) (${perSecond(series('keyturn_batches_total'))})`, legend: '{{outcome}}' },
      ],
    }),
    lines({
      title: 'Paused by',
      span: 12,
      description:
        'operator: a person. failures: more than limits.maxFailures. refused: the KMS or the store.',
      unit: 'short',
      queries: [{ expr: `max by (cause) (${series('keyturn_paused')})`, legend: '{{cause}}' }],
    }),
  ],
};

const runtime: Row = {
  title: 'Runtime',
  panels: [
    lines({
      title: 'Delay of the event loop',
      description: 'More than some ten milliseconds: the process has too little CPU, and misses slots.',
      unit: 's',
      queries: [{ expr: series('nodejs_eventloop_lag_p99_seconds'), legend: '{{instance}} p99' }],
    }),
    lines({
      title: 'CPU',
      description: 'Cores in use; one is the most that the event loop has.',
      unit: 'short',
      queries: [{ expr: perSecond(series('process_cpu_seconds_total')), legend: '{{instance}}' }],
    }),
    lines({
      title: 'Memory',
      description: 'Resident; it does not grow with the store.',
      unit: 'bytes',
      queries: [{ expr: series('process_resident_memory_bytes'), legend: '{{instance}}' }],
    }),
  ],
};

export const rows: readonly Row[] = [progress, kms, pace, store, correctness, runtime];
