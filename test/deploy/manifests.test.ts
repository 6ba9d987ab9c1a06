import { describe, expect, test } from 'vitest';
import { nameOf, parseObjects } from '../support/deploy/kube-object.ts';
import { securityProblems } from '../support/deploy/pod-security.ts';
import { keyturnPods, podsOf } from '../support/deploy/pods.ts';
import { charted, overlays, renderChart, renderOverlay } from '../support/deploy/render.ts';
import { schemaProblems } from '../support/deploy/strict-schema.ts';
import { loosePoints } from '../support/deploy/wiring.ts';

/** What `deploy/kubernetes/README.md` tells to bring; the demo brings it itself. */
const secrets = ['producer', 'worker', 'verify', 'redis-tls'].map((name) => `Secret/keyturn-${name}`);

describe.each([
  ...overlays.map((overlay) => [overlay, () => renderOverlay(overlay)] as const),
  ...charted.map((overlay) => [`chart of ${overlay}`, () => renderChart(overlay)] as const),
])('%s', (name, render) => {
  test('a field that the cluster does not know would be dropped or refused', () => {
    const problems = render().flatMap((object) =>
      schemaProblems(object).map((problem) => `${nameOf(object)}: ${problem}`),
    );
    expect(problems).toEqual([]);
  });

  test('a pod with more rights than it needs would be refused, or taken over', () => {
    const pods = podsOf(render());
    expect(pods.length).toBeGreaterThanOrEqual(3);
    expect(pods.flatMap(securityProblems)).toEqual([]);
    for (const { pod } of pods)
      expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
  });

  test('a selector or a reference that leads nowhere would leave a pod out, or never started', () => {
    expect(loosePoints(render(), name === 'overlays/demo' ? [] : secrets)).toEqual([]);
  });

  test('workers would fight an autoscaler, if both set the number of them', () => {
    const scaled = render().some(({ kind }) => ['HorizontalPodAutoscaler', 'ScaledObject'].includes(kind));
    const worker = render().find((object) => nameOf(object) === 'Deployment/keyturn-worker');
    expect(Object.hasOwn(Object(worker?.['spec']), 'replicas')).toBe(!scaled);
  });

  test('a role without an account of its own would have the rights of another', () => {
    const accounts = keyturnPods(render()).map(({ pod }) => pod.serviceAccountName);
    expect(new Set(accounts)).toEqual(new Set(['keyturn-producer', 'keyturn-verify', 'keyturn-worker']));
  });
});

test.each(overlays)(
  'an object without a namespace would be made wherever the user happens to be: %s',
  (overlay) => {
    const strays = renderOverlay(overlay).filter(
      ({ kind, metadata }) => kind !== 'Namespace' && metadata['namespace'] !== 'keyturn',
    );
    expect(strays.map(nameOf)).toEqual([]);
  },
);

describe('the checks themselves', () => {
  const base = (): string => JSON.stringify(renderOverlay('base'));
  /** The worker of the base, with the first of one text replaced by another. */
  const changed = (from: string, to: string): ReturnType<typeof renderOverlay> => {
    expect(base()).toContain(from);
    const objects: unknown[] = JSON.parse(base().replace(from, to));
    return objects.flatMap((object) => parseObjects(JSON.stringify(object)));
  };

  test.each([
    ['"runAsUser":65532', '"runAsUser":"65532"', /runAsUser/],
    ['"readOnlyRootFilesystem"', '"readonlyRootFilesystem"', /readonlyRootFilesystem is no known field/],
    ['"maxSkew":1,', '', /maxSkew/],
    ['"podReplacementPolicy"', '"podReplacement"', /podReplacement is no known field/],
    ['"podMetricsEndpoints"', '"endpoints"', /podMetricsEndpoints|endpoints/],
  ])('a schema that lets %s become %s pass would check nothing', (from, to, problem) => {
    expect(changed(from, to).flatMap(schemaProblems).join('\n')).toMatch(problem);
  });

  test.each([
    ['"drop":["ALL"]', '"drop":[]', /keeps capabilities/],
    ['"runAsNonRoot":true', '"runAsNonRoot":false', /may run as root/],
    ['"allowPrivilegeEscalation":false,', '', /may escalate/],
    ['"type":"RuntimeDefault"', '"type":"Unconfined"', /no seccomp profile/],
    ['"configMap":{"name"', '"hostPath":{"path"', /volume of kind hostPath/],
    ['"enableServiceLinks":false', '"hostNetwork":true', /sets hostNetwork/],
  ])('rules of security that let %s become %s pass would check nothing', (from, to, problem) => {
    expect(podsOf(changed(from, to)).flatMap(securityProblems).join('\n')).toMatch(problem);
  });

  test.each([
    ['"secretName":"keyturn-worker"', '"secretName":"keyturn-workers"', /refers to Secret\/keyturn-workers/],
    ['"serviceAccountName":"keyturn-verify"', '"serviceAccountName":"keyturn"', /refers to ServiceAccount/],
    [
      '"podSelector":{"matchLabels":{"app.kubernetes.io/name":"keyturn"}}',
      '"podSelector":{"matchLabels":{"app.kubernetes.io/name":"keyturns"}}',
      /selects no pod/,
    ],
  ])('wiring that lets %s become %s pass would check nothing', (from, to, problem) => {
    expect(loosePoints(changed(from, to), secrets).join('\n')).toMatch(problem);
  });
});
