import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { freshRedis } from '../support/peers.ts';
import { printedUrl } from '../support/printed-url.ts';
import { queryRange, type QueriedSeries } from '../support/prometheus-queries.ts';
import { startPrometheus, type TestServer } from '../support/servers.ts';
import { openSteeringScene, type SteeringScene } from '../support/steering-scene.ts';

const dashboard = z
  .object({
    panels: z.array(
      z.object({
        title: z.string(),
        targets: z.array(z.object({ expr: z.string() })).default([]),
      }),
    ),
    annotations: z.object({ list: z.array(z.object({ name: z.string(), expr: z.string().optional() })) }),
    templating: z.object({ list: z.array(z.object({ name: z.string() })) }),
  })
  .parse(JSON.parse(readFileSync('deploy/grafana/keyturn.json', 'utf8')));

const queries = dashboard.panels.flatMap(({ title, targets }) =>
  targets.map(({ expr }): [string, string] => [title, expr]),
);
const annotations = dashboard.annotations.list.flatMap(({ name, expr }) =>
  expr === undefined ? [] : [[name, expr] as const],
);
const slow = { timeout: 30_000, interval: 100 };

let scene: SteeringScene;
let prometheus: TestServer;
let from: number;

/** As Grafana fills its variables in, for a Prometheus that scrapes each second. */
function ask(expr: string): Promise<QueriedSeries[]> {
  const query = expr.replaceAll('$rotation', 'steered').replaceAll('$__rate_interval', '4s');
  expect(query).not.toContain('$');
  return queryRange(prometheus.url, query, { start: from, end: Date.now() / 1000 });
}

async function scraped(state: string): Promise<void> {
  const expr = `keyturn_rotation_state{rotation="$rotation", state="${state}"} == 1`;
  await vi.waitFor(async () => expect((await ask(expr))[0]?.values.length).toBeGreaterThan(2), slow);
}

const hasValue = (series: readonly QueriedSeries[]): boolean =>
  series.some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value))));

/** A rotation with failures, a storm of 429, a pause and an end, that a real Prometheus scrapes. */
beforeAll(async () => {
  scene = await openSteeringScene(
    (await freshRedis()).url,
    600,
    { limits: { rate: 100, batchSize: 20 }, metrics: { port: 0, host: '127.0.0.1' } },
    (record) => record % 150 === 0,
  );
  const [worker] = await scene.startWorkers(1);
  if (worker === undefined) throw new Error('no worker');
  const target = new URL(await printedUrl(worker, 'metrics')).host;
  from = Date.now() / 1000;
  prometheus = await startPrometheus(
    JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [{ job_name: 'keyturn', static_configs: [{ targets: [target] }] }],
    }),
  );
  await scene.command('enqueue');
  await scene.calls(150);
  scene.kms.refusal = { status: 429, code: 8 };
  await scene.calls(20);
  scene.kms.refusal = null;
  await scene.command('pause');
  await scraped('paused');
  await scene.command('resume');
  await scene.command('rate', '1000');
  await scraped('finished');
}, 120_000);
afterAll(async () => {
  await scene.close();
  await prometheus.stop();
});

test.each(queries)('%s shows something: %s', async (_title, expr) => {
  expect(hasValue(await ask(expr))).toBe(true);
});

test('each row has panels, and the viewer chooses data source and rotation', () => {
  expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'rotation']);
  expect(queries.length).toBeGreaterThan(20);
});

test('the storm, the failures and the pause can be seen', async () => {
  const named = async (title: string, label: string): Promise<(string | undefined)[]> => {
    const [, expr = ''] = queries.find(([each]) => each === title) ?? [];
    return (await ask(expr)).map(({ metric }) => metric[label]);
  };
  expect(await named('Calls by result', 'code')).toEqual(
    expect.arrayContaining(['OK', 'RESOURCE_EXHAUSTED', 'INVALID_ARGUMENT']),
  );
  expect(await named('Failed records by code', 'code')).toEqual(['INVALID_ARGUMENT']);
  expect(await named('State', 'state')).toEqual(expect.arrayContaining(['running', 'paused', 'finished']));
});

test.each(annotations)('%s are marked', async (_name, expr) => {
  const marked = (await ask(expr)).map(({ metric }) => metric['state']);
  expect(marked).toEqual(expect.arrayContaining(['running', 'finished']));
});
