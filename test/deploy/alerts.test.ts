import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { serverBinary } from '../support/binaries.ts';

const folder = mkdtempSync(join(tmpdir(), 'keyturn-alerts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ruleFiles = ['keyturn.rules.yaml', 'keyturn.alerts.yaml'].map((name) => `deploy/prometheus/${name}`);
const ruleFile = z.object({
  groups: z.array(
    z
      .object({
        name: z.string(),
        rules: z.array(
          z
            .object({
              alert: z.string().optional(),
              labels: z.record(z.string(), z.string()).optional(),
              annotations: z.record(z.string(), z.string()).optional(),
            })
            .loose(),
        ),
      })
      .loose(),
  ),
});
const alerts = ruleFiles
  .flatMap((file) => ruleFile.parse(parse(readFileSync(file, 'utf8'))).groups)
  .flatMap(({ rules }) => rules)
  .filter(({ alert }) => alert !== undefined);

/** Changes come in the 20th. */
const usualMinutes = 65;

/** A value each minute, as promtool writes it; five hours of them. */
type Series = Readonly<Record<string, string>>;
const ofRotation = 'namespace="keyturn", rotation="customers-ssn"';
const ofWorker = `${ofRotation}, pod="keyturn-worker-0"`;
const series = (name: string, labels = '', of = ofWorker): string =>
  `keyturn_${name}{${of}${labels === '' ? '' : `, ${labels}`}}`;

const remaining = series('remaining_records');
const running = series('rotation_state', 'state="running"');
const isNew = series('rotation_state', 'state="new"');
const isNewToo = series('rotation_state', 'state="new"', `${ofRotation}, pod="keyturn-worker-1"`);
const rotated = series('records_total', 'outcome="rotated"');
const rotatedToo = series('records_total', 'outcome="rotated"', `${ofRotation}, pod="keyturn-worker-1"`);
const failed = series('records_total', 'outcome="failed"');
const effective = series('rate_limit', 'kind="effective"');
const calls = (code: string): string => series('kms_requests_total', `provider="yandex", code="${code}"`);
const paused = (cause: string): string => series('paused', `cause="${cause}"`);
const jobFailed = (job: string): string =>
  `kube_job_failed{namespace="keyturn", job_name="${job}", condition="true"}`;

/** Two workers, 200 calls a second in all, and nothing wrong. */
const healthy: Series = {
  [remaining]: '5000000-12000x300',
  [running]: '1x300',
  [isNew]: '0x300',
  [isNewToo]: '0x300',
  [rotated]: '0+6000x300',
  [rotatedToo]: '0+6000x300',
  [failed]: '0x300',
  [calls('OK')]: '0+12000x300',
  [series('rate_limit', 'kind="configured"')]: '200x300',
  [effective]: '200x300',
  [paused('operator')]: '0x300',
  [paused('failures')]: '0x300',
  [paused('refused')]: '0x300',
  [jobFailed('keyturn-verify')]: '0x300',
  [jobFailed('keyturn-producer')]: '0x300',
};
const stopped: Series = {
  [rotatedToo]: '0+6000x20 120000x280',
  [running]: '1x20 0x280',
  [rotated]: '0+6000x20 120000x280',
  [calls('OK')]: '0+12000x20 240000x280',
};
const gone: Series = Object.fromEntries(
  Object.entries(healthy)
    .filter(([name]) => name.startsWith('keyturn_'))
    .map(([name, values]) => [name, values.replace('x300', 'x20 _x280')]),
);

const causes: readonly { alert: string; cause: string; change: Series; minutes?: number }[] = [
  {
    alert: 'KeyturnNoProgress',
    cause: 'no batch ends',
    change: {
      [rotated]: '0+6000x20 120000x280',
      [rotatedToo]: '0x300',
      [remaining]: '5000000x300',
    },
  },
  { alert: 'KeyturnWorkersGone', cause: 'all workers are gone', change: gone, minutes: 40 },
  {
    alert: 'KeyturnBrokerLost',
    cause: 'the broker came back empty',
    change: {
      ...stopped,
      [remaining]: '5000000-12000x20 0x280',
      [isNew]: '0x20 1x280',
      [isNewToo]: '0x20 1x280',
    },
  },
  {
    alert: 'KeyturnFailuresAboveBudget',
    cause: 'two records in a hundred fail',
    change: { [failed]: '0+250x300' },
  },
  {
    alert: 'KeyturnKmsErrorsFast',
    cause: 'a third of the calls fails',
    change: { [calls('UNAVAILABLE')]: '0+6000x300' },
  },
  {
    alert: 'KeyturnKmsErrorsFast',
    cause: 'the KMS is down',
    change: {
      [calls('OK')]: '0+12000x20 240000x280',
      [calls('TIMEOUT')]: '0x20 0+600x280',
      [rotated]: '0+6000x20 120000x280',
      [rotatedToo]: '0+6000x20 120000x280',
    },
  },
  {
    alert: 'KeyturnKmsErrorsSlow',
    cause: 'eight calls in a hundred fail',
    change: { [calls('INTERNAL')]: '0+1043x300' },
  },
  {
    alert: 'KeyturnKmsThrottled',
    cause: '429s keep the rate low',
    change: { [effective]: '60x300', [calls('RESOURCE_EXHAUSTED')]: '0+6000x300' },
  },
  {
    alert: 'KeyturnPausedItself',
    cause: 'too many failures',
    change: { ...stopped, [paused('failures')]: '0x20 1x280' },
  },
  {
    alert: 'KeyturnPausedItself',
    cause: 'the KMS refuses us',
    change: { ...stopped, [paused('refused')]: '0x20 1x280', [calls('PERMISSION_DENIED')]: '0x20 0+5x280' },
  },
  {
    alert: 'KeyturnPausedTooLong',
    cause: 'a person has forgotten it',
    change: { ...stopped, [paused('operator')]: '0x20 1x280' },
    minutes: 270,
  },
  {
    alert: 'KeyturnProducerFailed',
    cause: 'the producer gave up',
    change: { [jobFailed('keyturn-producer')]: '0x20 1x280' },
  },
  {
    alert: 'KeyturnProducerFailed',
    cause: 'the producer of another release gave up',
    change: { [jobFailed('ssn-keyturn-producer')]: '1x300' },
  },
  {
    alert: 'KeyturnNotSafe',
    cause: 'a census found old versions',
    change: { [jobFailed('keyturn-verify')]: '0x20 1x280' },
  },
];

const harmless: readonly { scene: string; change: Series; minutes?: number }[] = [
  { scene: 'all is well', change: {} },
  { scene: 'one call in a hundred fails', change: { [calls('UNAVAILABLE')]: '0+120x300' } },
  {
    scene: 'a burst of errors is over',
    change: { [calls('UNAVAILABLE')]: '0x20 0+6000x20 120000x260' },
    minutes: 75,
  },
  {
    scene: 'records that the KMS cannot open are no errors of the KMS',
    change: { [calls('INVALID_ARGUMENT')]: '0+3000x300' },
  },
  {
    scene: 'half of the calls are too fast, and the rate stays near',
    change: { [calls('RESOURCE_EXHAUSTED')]: '0+12000x300', [effective]: '150x300' },
  },
  {
    scene: 'a few failures of few records',
    change: { [failed]: '0x20 1 2 3 4 5 5x275', [rotated]: '0x20 0+1x280', [rotatedToo]: '0x300' },
  },
  {
    scene: 'a person pauses for three hours',
    change: { ...stopped, [paused('operator')]: '0x20 1x280' },
    minutes: 255,
  },
  { scene: 'a worker starts, and has not heard from the broker', change: { [isNewToo]: '0x20 1x280' } },
  {
    scene: 'nobody has begun it',
    change: {
      ...stopped,
      [remaining]: '0x300',
      [running]: '0x300',
      [isNew]: '1x300',
      [isNewToo]: '1x300',
    },
  },
  { scene: 'it has finished', change: { ...stopped, [remaining]: '12000-600x20 0x280' } },
  {
    scene: 'it has finished, and the workers are gone',
    change: { ...gone, [running]: '1x10 0x10 _x280' },
    minutes: 60,
  },
  {
    scene: 'without a limit of the rate',
    change: { [effective]: 'Inf+0x300', [series('rate_limit', 'kind="configured"')]: 'Inf+0x300' },
  },
  { scene: 'a Job of another program failed', change: { [jobFailed('backup-verify')]: '1x300' } },
];

describe('alerts', () => {
  test.each(causes)(
    '$alert would not fire, or not alone: $cause',
    ({ alert, change, minutes = usualMinutes }) => {
      expect(promtool({ ...healthy, ...change }, minutes, [alert])).toBe('SUCCESS');
    },
  );

  test.each(harmless)('nobody should be woken: $scene', ({ change, minutes = usualMinutes }) => {
    expect(promtool({ ...healthy, ...change }, minutes, [])).toBe('SUCCESS');
  });

  test('an alert that no cause fires would never be seen to fail', () => {
    expect(new Set(causes.map(({ alert }) => alert))).toEqual(new Set(alerts.map(({ alert }) => alert)));
  });

  test.each(alerts.map((rule) => [rule.alert, rule] as const))(
    '%s would wake somebody who finds no page of the runbook',
    (name, { annotations = {}, labels = {} }) => {
      expect(annotations['runbook_url']).toBe(`RUNBOOK.md#${String(name).toLowerCase()}`);
      expect(annotations['summary']).toBeTruthy();
      expect(annotations['description']).toBeTruthy();
      expect(labels['severity']).toMatch(/^(critical|warning)$/);
    },
  );

  test('rules and the scrape config that Prometheus refuses would leave it without any', () => {
    const tool = serverBinary('promtool');
    expect(() => execFileSync(tool, ['check', 'rules', ...ruleFiles], { stdio: 'pipe' })).not.toThrow();
    expect(() =>
      execFileSync(tool, ['check', 'config', 'deploy/prometheus/prometheus.yaml'], { stdio: 'pipe' }),
    ).not.toThrow();
  });
});

/** `SUCCESS` if after so many minutes exactly these alerts fire, else what promtool says. */
function promtool(input: Series, minutes: number, firing: readonly string[]): string {
  const file = join(folder, 'case.json');
  const samples = firing.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 }));
  const scene = {
    rule_files: ruleFiles.map((name) => resolve(name)),
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: Object.entries(input).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
            eval_time: `${minutes}m`,
            exp_samples: samples,
          },
        ],
      },
    ],
  };
  writeFileSync(file, JSON.stringify(scene));
  try {
    execFileSync(serverBinary('promtool'), ['test', 'rules', file], { stdio: 'pipe' });
    return 'SUCCESS';
  } catch (error) {
    const { stdout, stderr } = z
      .object({ stdout: z.coerce.string(), stderr: z.coerce.string() })
      .parse(error);
    return `${stdout}${stderr}`;
  }
}
