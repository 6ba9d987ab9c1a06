import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createReplyFault } from '../../src/kms/yandex/reply-fault.ts';
import { pauseCauses } from '../../src/rotation/ports/ledger.ts';
import { states } from '../../src/rotation/state.ts';
import { contractMetrics } from '../support/contract-metrics.ts';
import { renderChart, renderOverlay } from '../support/deploy/render.ts';

const ruleFile = z.object({
  groups: z.array(
    z
      .object({ rules: z.array(z.object({ record: z.string().optional(), expr: z.string() }).loose()) })
      .loose(),
  ),
});
const rules = ['keyturn.rules.yaml', 'keyturn.alerts.yaml'].flatMap((name) =>
  ruleFile
    .parse(parse(readFileSync(`deploy/prometheus/${name}`, 'utf8')))
    .groups.flatMap((group) => group.rules),
);
const scaler = JSON.stringify(renderOverlay('overlays/keda')).replaceAll('\\"', '"');

/** Each `keyturn_…` of a text, with what its braces ask for. */
const selections = [...rules.map(({ expr }) => expr), scaler].flatMap((text) =>
  [...text.matchAll(/\bkeyturn_(\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', matchers = '']) => ({
    name,
    matchers: [...matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(
      ([, label = '', , value = '']) => ({
        label,
        values: value.split('|'),
      }),
    ),
  })),
);

/** What Prometheus adds to the series of a pod, and the program to each of its own. */
const everywhere = ['namespace', 'rotation'];
const knownValues: Readonly<Record<string, readonly string[]>> = {
  state: states,
  cause: pauseCauses,
  kind: ['configured', 'effective'],
  outcome: ['rotated', 'skipped', 'missing', 'failed'],
};

describe('the metrics that rules, alerts and autoscaling ask for', () => {
  test('some are asked for, in each of the three', () => {
    expect(selections.length).toBeGreaterThan(12);
    expect(scaler).toContain('keyturn_remaining_records');
  });

  test.each(selections)(
    '$name would always be empty: no such metric, label or value',
    ({ name, matchers }) => {
      const labels = contractMetrics[name];
      expect(labels, name).toBeDefined();
      for (const { label, values } of matchers) {
        expect([...(labels ?? []), ...everywhere]).toContain(label);
        for (const value of values) expect(knownValues[label] ?? [value]).toContain(value);
      }
    },
  );

  test('a recorded series that nothing records would always be empty', () => {
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    const used = rules.flatMap(({ expr }) => expr.match(/\bkeyturn:[\w:]+/g) ?? []);
    expect(used.length).toBeGreaterThan(0);
    for (const name of used) expect(recorded).toContain(name);
  });
});

test.each([
  ['Kustomize', () => renderOverlay('base')],
  ['the chart', () => renderChart('base')],
  ['the chart, as a release of another name', () => renderChart('base', { release: 'ssn' })],
])('an alert on a Job by another name than it has would never fire: %s', (_name, render) => {
  const jobs = render().flatMap(({ kind, metadata }) => (kind === 'Job' ? [metadata.name] : []));
  const patterns = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/job_name=~"([^"]*)"/g)].map(([, pattern = '']) => new RegExp(`^(?:${pattern})$`)),
  );
  // Each Job has an alert, and each alert a Job.
  expect(jobs.map((job) => patterns.filter((pattern) => pattern.test(job)).length)).toEqual([1, 1]);
  expect(patterns.map((pattern) => jobs.filter((job) => pattern.test(job)).length)).toEqual([1, 1]);
});

describe('the codes that are no errors of the KMS', () => {
  const excused = selections
    .filter(({ name }) => name === 'kms_requests_total')
    .flatMap(({ matchers }) => matchers.filter(({ label }) => label === 'code'))
    .flatMap(({ values }) => values);

  test.each([
    [400, 3, 'INVALID_ARGUMENT'],
    [429, 8, 'RESOURCE_EXHAUSTED'],
    [401, 16, 'UNAUTHENTICATED'],
    [403, 7, 'PERMISSION_DENIED'],
    [404, 5, 'NOT_FOUND'],
    [400, 9, 'FAILED_PRECONDITION'],
    [400, 11, 'OUT_OF_RANGE'],
    [501, 12, 'UNIMPLEMENTED'],
  ])('a reply %i with code %i would wake somebody for the KMS', (status, code, name) => {
    expect(codeOf(status, JSON.stringify({ code, message: '' }))).toBe(name);
    expect(excused).toContain(name);
  });

  test.each([
    [500, 13],
    [503, 14],
    [504, 4],
    [500, 2],
    [502, null],
  ])('a reply %i with code %s would wake nobody', (status, code) => {
    const body = code === null ? '<html>' : JSON.stringify({ code, message: '' });
    expect(excused).not.toContain(codeOf(status, body));
  });
});

function codeOf(status: number, body: string): string {
  const reply = { status, body, headers: {} };
  return createReplyFault(reply, { subject: 'ciphertext', tokenRemedy: '' }).code;
}
