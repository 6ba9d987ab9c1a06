import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { createCustomers } from '../support/customers.ts';
import { openLedger } from '../support/open-ledger.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

const records = 1000;

test.each(['redis', 'postgres'] as const)(
  'workers and producer killed with -9 over %s lose nothing and count nothing twice',
  async (kind) => {
    const customers = await createCustomers(records);
    const { current } = await customers.rotateKey();
    const broker = kind === 'redis' ? await freshRedis() : await freshDatabase();
    const config = await writeConfig({
      rotation: 'killed',
      broker: broker.url,
      ...customers.config,
      // Slow, so that the kill comes in the midst of it on any machine.
      limits: { rate: 150, batchSize: 25, backlog: 10 },
    });
    const fast = { KEYTURN_LIMITS_RATE: '1000' };
    const killed = [
      startCli(['enqueue', '-c', config]),
      ...[1, 2].map(() => startCli(['work', '-c', config])),
    ];
    const { ledger, close } = await openLedger(config);
    const rotated = async (): Promise<number> => (await ledger.snapshot()).tally.rotated;
    await vi.waitFor(async () => expect(await rotated()).toBeGreaterThan(100), {
      timeout: 30_000,
      interval: 50,
    });
    for (const { child } of killed) child.kill('SIGKILL');
    await Promise.all(killed.map(({ ended }) => ended));
    expect(await rotated()).toBeLessThan(records);
    await close();

    const workers = [1, 2].map(() => startCli(['work', '-c', config, '--exit-when-done', '--json'], fast));
    const producer = await runCli(['enqueue', '-c', config, '--json'], fast);
    expect(producer.code).toBe(0);
    for (const { code, stdout } of await Promise.all(workers.map(({ ended }) => ended))) {
      expect(code).toBe(0);
      const end = JSON.parse(stdout);
      expect(end).toMatchObject({
        state: 'finished',
        total: records,
        enqueued: records,
        failed: 0,
        missing: 0,
      });
      expect(end.rotated + end.skipped).toBe(records);
    }
    const certificate = JSON.parse((await runCli(['verify', '-c', config, '--deep', '--json'], fast)).stdout);
    expect(certificate).toMatchObject({ verdict: 'safe-to-retire', byVersion: { [current]: records } });
    await customers.close();
  },
  150_000,
);

test('a broker that loses everything in mid run makes verify say not-safe, and run again ends safe', async () => {
  const customers = await createCustomers(600);
  const { old, current } = await customers.rotateKey();
  const broker = await freshRedis();
  const config = await writeConfig({
    rotation: 'flushed',
    broker: broker.url,
    ...customers.config,
    limits: { rate: 250, batchSize: 30 },
  });
  const run = startCli(['run', '-c', config, '--json']);
  const redis = new Redis(broker.url);
  await vi.waitFor(
    async () => expect(Number(await redis.hget('keyturn:{flushed}:ledger', 'rotated'))).toBeGreaterThan(100),
    {
      timeout: 30_000,
      interval: 50,
    },
  );
  await redis.flushdb();
  redis.disconnect();
  const ended = await run.ended;
  expect(ended.stderr).toContain('lost');
  expect(ended.code).toBe(3);

  const before = await runCli(['verify', '-c', config, '--json']);
  expect(before.code).toBe(1);
  expect(JSON.parse(before.stdout)).toMatchObject({
    verdict: 'not-safe',
    byVersion: { [old]: expect.any(Number) },
  });

  const again = await runCli(['run', '-c', config, '--json'], { KEYTURN_LIMITS_RATE: 'none' });
  expect(again.code).toBe(0);
  const report = JSON.parse(again.stdout);
  expect(report).toMatchObject({
    failed: 0,
    certificate: { verdict: 'safe-to-retire', byVersion: { [current]: 600 } },
  });
  expect(report.skipped).toBeGreaterThan(100);
  expect(report.rotated + report.skipped).toBe(600);
  await customers.close();
}, 120_000);
