import { request } from 'undici';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { runCli } from '../support/cli.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { printedUrl } from '../support/printed-url.ts';
import { openSteeringScene } from '../support/steering-scene.ts';

const board = z.object({
  queues: z.array(
    z.object({
      name: z.string(),
      readOnlyMode: z.boolean(),
      jobs: z.array(z.object({ id: z.string(), data: z.unknown() })),
    }),
  ),
});

describe.each([
  ['Redis', freshRedis],
  ['PostgreSQL', freshDatabase],
])('bull-board over %s', (_name, freshBroker) => {
  test('shows the jobs without their references, and changes nothing', async () => {
    const scene = await openSteeringScene((await freshBroker()).url, 30, {
      limits: { rate: 1, batchSize: 5 },
      metrics: { port: 0, host: '127.0.0.1' },
    });
    onTestFinished(() => scene.close());
    const [worker] = await scene.startWorkers(1, ['--bull-board']);
    if (worker === undefined) throw new Error('no worker');
    const url = `${await printedUrl(worker, 'metrics')}/board`;
    await scene.command('enqueue');

    const page = await request(url);
    expect(page.statusCode).toBe(200);
    expect(await page.body.text()).toContain('<title>keyturn</title>');
    const read = async (): Promise<z.output<typeof board>> => {
      const { body } = await request(`${url}/api/queues?activeQueue=steered&status=active`);
      return board.parse(await body.json());
    };
    const { queues } = await vi.waitFor(async () => {
      const seen = await read();
      expect(seen.queues[0]?.jobs.length).toBeGreaterThan(0);
      return seen;
    });
    expect(queues).toMatchObject([{ name: 'steered', readOnlyMode: true }]);
    const [job] = queues[0]?.jobs ?? [];
    const shown = {
      epoch: expect.any(String),
      number: expect.any(Number),
      refs: 5,
      late: false,
      progress: null,
    };
    expect(job?.data).toEqual(shown);
    // The page of the one job takes another way.
    const { body } = await request(`${url}/api/queues/steered/${job?.id}`);
    expect(await body.json()).toMatchObject({ job: { data: shown } });

    for (const [method, path] of [
      ['PUT', '/api/queues/steered/pause'],
      ['PUT', '/api/queues/pause'],
      ['PUT', '/api/queues/steered/empty'],
      ['POST', '/api/queues/steered/add'],
    ] as const) {
      const { statusCode } = await request(url + path, { method });
      expect(statusCode, `${method} ${path}`).toBe(405);
    }
  }, 60_000);
});

test('--bull-board without a port to serve it on ends with exit 2 and the way out', async () => {
  const scene = await openSteeringScene((await freshRedis()).url, 1, { limits: {} });
  onTestFinished(() => scene.close());
  const { code, stderr } = await runCli(['work', '--bull-board', '-c', scene.config]);
  expect(stderr).toContain('set metrics.port');
  expect(code).toBe(2);
});
