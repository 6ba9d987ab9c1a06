import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { exitCode } from '../../src/cli/exit-code.ts';
import { toolVersion } from '../../src/cli/tool-version.ts';
import { startTelemetryServer, type TelemetryServer } from '../../src/telemetry/http.ts';
import { runCli } from '../support/cli.ts';
import { nameOf } from '../support/deploy/kube-object.ts';
import { keyturnPods, podsOf } from '../support/deploy/pods.ts';
import { charted, overlays, renderChart, renderOverlay } from '../support/deploy/render.ts';
import { filesNamedIn, rotationConfig, rotationText } from '../support/deploy/rotation-config.ts';

const ours = (image: string): boolean => /(^|\/)keyturn[:@]/.test(image);

describe.each([
  ...overlays.map((overlay) => [overlay, () => renderOverlay(overlay)] as const),
  ...charted.map((overlay) => [`chart of ${overlay}`, () => renderChart(overlay)] as const),
])('%s', (_name, render) => {
  test('an image of another version would run', () => {
    const images = podsOf(render()).flatMap(({ containers }) => containers.map(({ image }) => image));
    expect(new Set(images.filter(ours))).toEqual(new Set([`keyturn:${toolVersion()}`]));
  });

  test('a config that the program refuses, or a port that nobody serves, would stop every pod', () => {
    const { metrics } = rotationConfig(rotationText(render()));
    const ports = keyturnPods(render()).flatMap(({ containers }) => containers.flatMap(({ ports }) => ports));
    expect(ports).toEqual([{ name: 'metrics', containerPort: metrics?.port }]);
    expect(metrics?.host).toBe('0.0.0.0');
  });

  test('a file that the config names and nobody mounts would be missed', () => {
    const files = filesNamedIn(rotationText(render()));
    expect(files.length).toBeGreaterThan(0);
    for (const { name, pod } of keyturnPods(render())) {
      const folders = pod.containers.flatMap(({ volumeMounts }) =>
        volumeMounts.map((mount) => mount.mountPath),
      );
      for (const file of files)
        expect(
          folders.some((folder) => file.startsWith(`${folder}/`)),
          `${file} in ${name}`,
        ).toBe(true);
    }
  });

  test('a process that is killed before its batches are back would leave them to run out', () => {
    const { kms } = rotationConfig(rotationText(render()));
    // What `cli/worker-process.ts` takes for a stop, and a call to the KMS that began just before.
    const needed = 25 + kms.timeoutMs / 1000;
    for (const { pod } of keyturnPods(render()))
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(needed);
  });
});

const rules = z.array(
  z
    .object({
      action: z.string(),
      onExitCodes: z
        .object({ values: z.array(z.int()) })
        .loose()
        .optional(),
    })
    .loose(),
);
const job = z.object({ spec: z.object({ podFailurePolicy: z.object({ rules }) }).loose() });

describe('exit codes', () => {
  const jobs = renderOverlay('base').filter(({ kind }) => kind === 'Job');
  const actionOn = (object: (typeof jobs)[number], code: number): string =>
    job.parse(object).spec.podFailurePolicy.rules.find((rule) => rule.onExitCodes?.values.includes(code))
      ?.action ?? 'Count';

  test.each(jobs.map((object) => [nameOf(object), object] as const))(
    '%s would repeat what cannot help, or give up on what passes',
    (_name, object) => {
      const actions = Object.entries(exitCode).map(([name, code]) => [name, actionOn(object, code)]);
      expect(Object.fromEntries(actions)).toEqual({
        // A pod that ends with 0 has not failed.
        done: 'Count',
        notDone: 'FailJob',
        usage: 'FailJob',
        peer: 'Count',
        interrupted: 'Ignore',
      });
    },
  );
});

describe('what the pods ask of the program', () => {
  let server: TelemetryServer;
  beforeAll(async () => {
    server = await startTelemetryServer(
      { host: '127.0.0.1', port: 0 },
      {
        renderMetrics: async () => '',
        metricsContentType: 'text/plain',
        notReady: () => [],
        page: null,
        board: null,
      },
    );
  });
  afterAll(() => server.close());

  test('a probe or a scrape of a path that is not served would kill every worker, or show nothing', async () => {
    const objects = renderOverlay('base');
    const probes = keyturnPods(objects)
      .flatMap(({ containers }) => containers)
      .flatMap(({ startupProbe, livenessProbe, readinessProbe }) => [
        startupProbe,
        livenessProbe,
        readinessProbe,
      ])
      .flatMap((probe) => probe?.httpGet ?? []);
    expect(probes).toHaveLength(3);
    const monitor = objects.find(({ kind }) => kind === 'PodMonitor');
    const { podMetricsEndpoints } = z
      .object({ podMetricsEndpoints: z.array(z.object({ path: z.string(), port: z.string() })).length(1) })
      .parse(monitor?.['spec']);
    for (const { path, port } of [...probes, ...podMetricsEndpoints]) {
      expect(port).toBe('metrics');
      const { status } = await fetch(`http://127.0.0.1:${server.port}${path}`);
      expect(status).toBe(200);
    }
  });

  test('arguments that the program does not know would end every pod', async () => {
    const containers = keyturnPods(renderOverlay('base')).flatMap(({ pod }) => pod.containers);
    const ends = await Promise.all(containers.map(({ args }) => runCli(args)));
    // It has understood them, and there is no such file here.
    for (const { code, stderr } of ends) {
      expect(stderr).toMatch(/^keyturn: config file \/etc\/keyturn\/rotation.yaml not found/);
      expect(code).toBe(exitCode.usage);
    }
  });
});

describe('KEDA', () => {
  const trigger = z.object({
    triggers: z.array(z.object({ metadata: z.object({ query: z.string() }).loose() }).loose()).length(1),
  });

  test.each([
    ['Kustomize', () => renderOverlay('overlays/keda')],
    ['the chart', () => renderChart('overlays/keda')],
  ])('a query for another rotation than that of the config would never scale: %s', (_name, render) => {
    const scaled = render().find(({ kind }) => kind === 'ScaledObject');
    const query = trigger.parse(scaled?.['spec']).triggers[0]?.metadata.query ?? '';
    const { rotation } = rotationConfig(rotationText(render()));
    expect([...query.matchAll(/rotation="([^"]*)"/g)].map(([, name]) => name)).toEqual([rotation, rotation]);
    expect([...query.matchAll(/namespace="([^"]*)"/g)].map(([, name]) => name)).toEqual([
      'keyturn',
      'keyturn',
    ]);
  });
});

describe('traces', () => {
  const environment = z.array(z.object({ name: z.string(), value: z.string() }));
  const egress = z.object({ egress: z.array(z.object({ ports: z.array(z.object({ port: z.int() })) })) });

  test.each([
    ['Kustomize', () => renderOverlay('overlays/traces')],
    ['the chart', () => renderChart('overlays/traces')],
  ])('a collector that the pods may not call, or do not know, would get none: %s', (_name, render) => {
    const policy = render().find((object) => nameOf(object) === 'NetworkPolicy/keyturn');
    const open = egress.parse(policy?.['spec']).egress.flatMap(({ ports }) => ports.map(({ port }) => port));
    for (const { pod } of keyturnPods(render())) {
      const variables = environment.parse(pod.containers[0]?.['env']);
      const values = new Map(variables.map(({ name, value }) => [name, value]));
      expect([...values.keys()]).toEqual(['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_TRACES_SAMPLER_ARG']);
      expect(open).toContain(Number(new URL(values.get('OTEL_EXPORTER_OTLP_ENDPOINT') ?? '').port));
      expect(Number(values.get('OTEL_TRACES_SAMPLER_ARG'))).toBe(0.01);
    }
  });
});

describe('versions', () => {
  test('a chart, an image tag or a note of another version than the package would be installed', () => {
    const chart = z
      .object({ version: z.string(), appVersion: z.string() })
      .parse(parse(readFileSync('deploy/helm/keyturn/Chart.yaml', 'utf8')));
    expect(chart).toEqual({ version: toolVersion(), appVersion: toolVersion() });
  });
});
