import { expect, test, vi } from 'vitest';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { createCustomers } from '../support/customers.ts';
import { openLedger } from '../support/open-ledger.ts';
import { startRedis } from '../support/servers.ts';

/** Kubernetes kills after 30 s. */
const boundMs = 20_000;
const records = 1000;

test('SIGTERM ends worker and producer in bounded time, also with the broker dead or stopped', async () => {
  const customers = await createCustomers(records, { latencyMs: 20 });
  await customers.rotateKey();
  const redis = await startRedis(['--appendonly', 'yes']);
  const config = await writeConfig({
    rotation: 'shutdown',
    broker: redis.url,
    ...customers.config,
    limits: { rate: 100, batchSize: 50, backlog: 3 },
  });
  async function rotated(): Promise<number> {
    const { ledger, close } = await openLedger(config);
    const { tally } = await ledger.snapshot();
    await close();
    return tally.rotated;
  }

  for (const trouble of ['none', 'stopped', 'dead'] as const) {
    const before = trouble === 'none' ? 0 : await rotated();
    const producer = startCli(['enqueue', '-c', config]);
    const worker = startCli(['work', '-c', config]);
    await vi.waitFor(() => expect(worker.stderr()).toContain('worker started'), { timeout: 20_000 });
    if (trouble === 'stopped') process.kill(redis.pid(), 'SIGSTOP');
    if (trouble === 'dead') await redis.kill();
    const startedAt = performance.now();
    worker.child.kill('SIGTERM');
    producer.child.kill('SIGTERM');
    const [worked, produced] = await Promise.all([worker.ended, producer.ended]);
    expect(performance.now() - startedAt).toBeLessThan(boundMs);
    expect(worked.code).toBe(0);
    expect(produced.code).toBe(130);
    if (trouble === 'stopped') process.kill(redis.pid(), 'SIGCONT');
    if (trouble === 'dead') await redis.restart();
    expect(await rotated()).toBeGreaterThanOrEqual(before);
  }

  await runCli(['rate', 'none', '-c', config]);
  const done = await runCli(['run', '-c', config, '--json']);
  expect(done.code).toBe(0);
  const report = JSON.parse(done.stdout);
  expect(report).toMatchObject({ total: records, failed: 0, certificate: { verdict: 'safe-to-retire' } });
  expect(report.rotated + report.skipped).toBe(records);
  await redis.stop();
  await customers.close();
}, 150_000);
