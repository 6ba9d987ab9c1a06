import { createServer } from 'node:net';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { request } from 'undici';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { contractMetrics } from '../support/contract-metrics.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { parseMetrics, type Scrape } from '../support/parse-metrics.ts';
import { freshRedis } from '../support/peers.ts';
import { printedUrl } from '../support/printed-url.ts';
import { startRedis } from '../support/servers.ts';

const records = 300;

let customers: Customers;

beforeAll(async () => {
  customers = await createCustomers(records);
  await customers.rotateKey();
  await customers.sql.query(
    `UPDATE ${customersTable} SET "ssn ""enc""" = 'not base64!' WHERE "Id" % 100 = 0`,
  );
});
afterAll(() => customers.close());

async function scrape(url: string): Promise<Scrape> {
  return parseMetrics(await (await request(`${url}/metrics`)).body.text());
}

test('a worker with port 0 prints its port, and serves all metrics of the contract over a run', async () => {
  const { url: broker } = await freshRedis();
  const config = await writeConfig({
    rotation: 'scraped',
    broker,
    ...customers.config,
    limits: { rate: 150, batchSize: 50 },
    metrics: { port: 0, host: '127.0.0.1' },
  });
  const worker = startCli(['work', '-c', config]);
  const url = await printedUrl(worker, 'metrics');
  const idle = await scrape(url);
  expect(idle.value('keyturn_rotation_state', { state: 'new' })).toBe(1);
  expect(idle.value('keyturn_rate_limit', { kind: 'effective' })).toBe(150);

  expect((await runCli(['enqueue', '-c', config])).code).toBe(0);
  await vi.waitFor(
    async () => {
      const { value } = await scrape(url);
      expect(value('keyturn_rotation_state', { state: 'running' })).toBe(1);
      expect(value('keyturn_batches_in_flight')).toBeGreaterThan(0);
      expect(value('keyturn_remaining_records')).toBeGreaterThan(0);
    },
    { timeout: 10_000, interval: 25 },
  );
  expect((await request(`${url}/readyz`)).statusCode).toBe(200);

  expect((await runCli(['rate', 'none', '-c', config])).code).toBe(0);
  const { series, value } = await vi.waitFor(
    async () => {
      const finished = await scrape(url);
      expect(finished.value('keyturn_rotation_state', { state: 'finished' })).toBe(1);
      return finished;
    },
    { timeout: 10_000, interval: 25 },
  );
  expect(value('keyturn_rate_limit', { kind: 'configured' })).toBe(Infinity);
  expect(value('keyturn_records_total', { outcome: 'rotated' })).toBe(records - 3);
  expect(value('keyturn_records_total', { outcome: 'failed' })).toBe(3);
  expect(value('keyturn_failures_total', { code: 'BAD_FORMAT' })).toBe(3);
  expect(value('keyturn_remaining_records')).toBe(0);
  expect(value('keyturn_batches_total', { outcome: 'settled' })).toBe(6);
  expect(value('keyturn_kms_requests_total', { code: 'OK' })).toBeGreaterThanOrEqual(records - 3);
  expect(value('keyturn_pace_wait_seconds_count')).toBeGreaterThanOrEqual(records - 3);
  const names = new Set(series.map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')));
  for (const name of Object.keys(contractMetrics)) expect(names).toContain(`keyturn_${name}`);
  for (const { name, labels } of series) expect(labels['rotation'], name).toBe('scraped');

  worker.child.kill('SIGTERM');
  const { code, stderr } = await worker.ended;
  expect(code).toBe(0);
  const logged = stderr.trimEnd().split('\n');
  for (const line of logged)
    expect(JSON.parse(line)).toMatchObject({ rotation: 'scraped', msg: expect.any(String) });
}, 60_000);

test('a worker whose broker is gone says so on /readyz, and still serves what it knows', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const config = await writeConfig({
    rotation: 'alone',
    broker: redis.url,
    ...customers.config,
    metrics: { port: 0, host: '127.0.0.1' },
  });
  const worker = startCli(['work', '-c', config]);
  const url = await printedUrl(worker, 'metrics');
  await vi.waitFor(async () => expect((await request(`${url}/readyz`)).statusCode).toBe(200), {
    timeout: 5000,
  });
  const page = async (): Promise<string> => (await request(`${url}/`)).body.text();
  expect(await page()).not.toContain('out of reach since');
  await redis.kill();
  await vi.waitFor(
    async () => {
      const { statusCode, body } = await request(`${url}/readyz`);
      expect(await body.json()).toMatchObject({
        ready: false,
        reasons: [expect.stringMatching(/^broker: /)],
      });
      expect(statusCode).toBe(503);
    },
    { timeout: 15_000, interval: 50 },
  );
  expect((await request(`${url}/healthz`)).statusCode).toBe(200);
  // What it shows may be a moment old.
  await vi.waitFor(
    async () => expect(await page()).toMatch(/<strong>Broker:<\/strong>\s*<span>out of reach since /),
    { timeout: 5000, interval: 50 },
  );
  const { series, value } = await scrape(url);
  expect(series.map(({ name }) => name)).not.toContain('keyturn_queue_jobs');
  expect(value('keyturn_batches_in_flight')).toBe(0);
  worker.child.kill('SIGKILL');
}, 60_000);

test('a port in use ends a worker with exit 2, before it takes a batch', async () => {
  const { url: broker } = await freshRedis();
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const config = await writeConfig({
    rotation: 'refused',
    broker,
    ...customers.config,
    metrics: { port, host: '127.0.0.1' },
  });
  expect((await runCli(['enqueue', '-c', config])).code).toBe(0);
  const { code, stderr } = await runCli(['work', '-c', config]);
  expect(stderr).toContain(`127.0.0.1:${port} (EADDRINUSE)`);
  expect(code).toBe(2);
  const redis = new Redis(broker);
  expect(await redis.llen('bull:refused:wait')).toBe(1);
  expect(await redis.llen('bull:refused:active')).toBe(0);
  redis.disconnect();
}, 60_000);
