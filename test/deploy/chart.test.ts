import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { nameOf, type KubeObject } from '../support/deploy/kube-object.ts';
import { charted, renderChart, renderOverlay } from '../support/deploy/render.ts';

/** What a chart adds to every object, and the checksum that stands for Kustomize's hash in a name. */
const ofCharts = [
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/version',
  'helm.sh/chart',
  'checksum/config',
];

describe.each(charted)('%s', (overlay) => {
  test('whoever installs by Helm would get other objects than by Kustomize', () => {
    const kustomized = renderOverlay(overlay).filter(({ kind }) => kind !== 'Namespace');
    expect(comparable(renderChart(overlay))).toEqual(comparable(kustomized));
  });
});

test('a release of another name would clash with its neighbour, or use its secrets', () => {
  const names = (release: string): string => JSON.stringify(renderChart('base', { release }));
  expect(names('ssn')).toContain('"secretName":"ssn-keyturn-worker"');
  expect(names('ssn')).not.toMatch(/"keyturn-(worker|producer|verify|config|metrics)"/);
});

test('a value that is misspelt would be passed over in silence', () => {
  expect(() => renderChart('base', { flags: ['--set', 'worker.replcas=3'] })).toThrow(/replcas/);
});

test('an image that is pinned by its digest would be pulled by its tag', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const rendered = JSON.stringify(renderChart('base', { flags: ['--set', `image.digest=${digest}`] }));
  expect(rendered.match(/"image":"[^"]*"/g)).toEqual(
    Array.from({ length: 3 }, () => `"image":"keyturn@${digest}"`),
  );
});

function comparable(objects: readonly KubeObject[]): Record<string, unknown> {
  return Object.fromEntries(objects.map(plain).map((object) => [nameOf(object), object]));
}

function plain(object: KubeObject): KubeObject {
  const { namespace: _, ...metadata } = object.metadata;
  const text = JSON.stringify({ ...object, metadata }).replaceAll(
    /"keyturn-config-\w{10}"/g,
    '"keyturn-config"',
  );
  return JSON.parse(text, (key, value: unknown) => {
    if (ofCharts.includes(key)) return undefined;
    if (key === 'rotation.yaml') return parse(String(value));
    // Kustomize puts what a patch adds to a list first.
    if ((key === 'volumes' || key === 'volumeMounts') && Array.isArray(value))
      return value.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    return isEmpty(value) && key === 'annotations' ? undefined : value;
  });
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
