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

/** Changes come in the 60th. */
const usualMinutes = 130;

/** A value each minute, as promtool writes it; eight hours of them. */
type Series = Readonly<Record<string, string>>;
const ofRotation = 'namespace="keyturn", rotation="customers-ssn"';
const ofWorker = `${ofRotation}, pod="keyturn-worker-0"`;
const series = (name: string, labels = '', of = ofWorker): string =>
  `keyturn_${name}{${of}${labels === '' ? '' : `, ${labels}`}}`;

const remaining = series('remaining_records');
const running = series('rotation_state', 'state="running"');
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
  [remaining]: '5000000-12000x480',
  [running]: '1x480',
  [rotated]: '0+6000x480',
  [rotatedToo]: '0+6000x480',
  [failed]: '0x480',
  [calls('OK')]: '0+12000x480',
  [series('rate_limit', 'kind="configured"')]: '200x480',
  [effective]: '200x480',
  [paused('operator')]: '0x480',
  [paused('failures')]: '0x480',
  [paused('refused')]: '0x480',
  [jobFailed('keyturn-verify')]: '0x480',
  [jobFailed('keyturn-producer')]: '0x480',
};
const stopped: Series = {
  [rotatedToo]: '0+6000x60 360000x420',
  [running]: '1x60 0x420',
  [rotated]: '0+6000x60 360000x420',
  [calls('OK')]: '0+12000x60 720000x420',
};
const gone: Series = Object.fromEntries(
  Object.entries(healthy)
    .filter(([name]) => name.startsWith('keyturn_'))
    .map(([name, values]) => [name, values.replace('x480', 'x60 _x420')]),
);

const causes: readonly (readonly [alert: string, cause: string, change: Series, minutes?: number])[] = [
  [
    'KeyturnNoProgress',
    'no batch ends',
    {
      [rotated]: '0+6000x60 360000x420',
      [rotatedToo]: '0x480',
      [remaining]: '5000000x480',
    },
  ],
  ['KeyturnWorkersGone', 'all workers are gone', gone, 80],
  ['KeyturnFailuresAboveBudget', 'two records in a hundred fail', { [failed]: '0+250x480' }],
  ['KeyturnKmsErrorsFast', 'a third of the calls fails', { [calls('UNAVAILABLE')]: '0+6000x480' }],
  [
    'KeyturnKmsErrorsFast',
    'the KMS is down',
    {
      [calls('OK')]: '0+12000x60 720000x420',
      [calls('TIMEOUT')]: '0x60 0+600x420',
      [rotated]: '0+6000x60 360000x420',
      [rotatedToo]: '0+6000x60 360000x420',
    },
    120,
  ],
  ['KeyturnKmsErrorsSlow', 'eight calls in a hundred fail', { [calls('INTERNAL')]: '0+1043x480' }, 400],
  [
    'KeyturnKmsThrottled',
    '429s keep the rate low',
    { [effective]: '60x480', [calls('RESOURCE_EXHAUSTED')]: '0+6000x480' },
  ],
  ['KeyturnPausedItself', 'too many failures', { ...stopped, [paused('failures')]: '0x60 1x420' }],
  [
    'KeyturnPausedItself',
    'the KMS refuses us',
    { ...stopped, [paused('refused')]: '0x60 1x420', [calls('PERMISSION_DENIED')]: '0x60 0+5x420' },
  ],
  [
    'KeyturnPausedTooLong',
    'a person has forgotten it',
    { ...stopped, [paused('operator')]: '0x60 1x420' },
    310,
  ],
  ['KeyturnProducerFailed', 'the producer gave up', { [jobFailed('keyturn-producer')]: '0x60 1x420' }],
  [
    'KeyturnProducerFailed',
    'the producer of another release gave up',
    { [jobFailed('ssn-keyturn-producer')]: '1x480' },
  ],
  ['KeyturnNotSafe', 'a census found old versions', { [jobFailed('keyturn-verify')]: '0x60 1x420' }],
];

const harmless: readonly (readonly [string, Series, number?])[] = [
  ['all is well', {}],
  ['one call in a hundred fails', { [calls('UNAVAILABLE')]: '0+120x480' }],
  ['a burst of errors is over', { [calls('UNAVAILABLE')]: '0x60 0+6000x20 120000x400' }, 118],
  [
    'records that the KMS cannot open are no errors of the KMS',
    { [calls('INVALID_ARGUMENT')]: '0+3000x480' },
  ],
  [
    'half of the calls are too fast, and the rate stays near',
    { [calls('RESOURCE_EXHAUSTED')]: '0+12000x480', [effective]: '150x480' },
  ],
  [
    'a few failures of few records',
    { [failed]: '0x60 1 2 3 4 5 5x415', [rotated]: '0x60 0+1x420', [rotatedToo]: '0x480' },
  ],
  ['a person pauses for three hours', { ...stopped, [paused('operator')]: '0x60 1x420' }, 299],
  ['it has finished', { ...stopped, [remaining]: '12000-200x60 0x420' }],
  ['it has finished, and the workers are gone', { ...gone, [running]: '1x30 0x30 _x420' }, 100],
  [
    'without a limit of the rate',
    { [effective]: 'Inf+0x480', [series('rate_limit', 'kind="configured"')]: 'Inf+0x480' },
  ],
  ['a Job of another program failed', { [jobFailed('backup-verify')]: '1x480' }],
];

describe('alerts', () => {
  test.each(causes)(
    '%s would not fire, or not alone: %s',
    (alert, _cause, change, minutes = usualMinutes) => {
      expect(promtool({ ...healthy, ...change }, minutes, [alert])).toBe('SUCCESS');
    },
  );

  test.each(harmless)('nobody should be woken: %s', (_name, change, minutes = usualMinutes) => {
    expect(promtool({ ...healthy, ...change }, minutes, [])).toBe('SUCCESS');
  });

  test('an alert that no cause fires would never be seen to fail', () => {
    expect(new Set(causes.map(([alert]) => alert))).toEqual(new Set(alerts.map(({ alert }) => alert)));
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
    const { stdout = '', stderr = '' } = z
      .object({ stdout: z.coerce.string(), stderr: z.coerce.string() })
      .parse(error);
    return `${stdout}${stderr}`;
  }
}
