import { request } from 'undici';
import { expect, test, vi } from 'vitest';
import { runCli, startCli, writeConfig, type RunningCli } from '../support/cli.ts';
import { createCustomers, type Customers } from '../support/customers.ts';
import { parseMetrics } from '../support/parse-metrics.ts';
import { openLedger } from '../support/open-ledger.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

const records = 300;
const patient = { timeout: 60_000, interval: 50 };

/** A worker with a metrics server, once it prints where that is. */
async function startWorker(
  config: string,
  rate: string,
): Promise<RunningCli & { kmsCalls(): Promise<number> }> {
  const running = startCli(['work', '-c', config], {
    KEYTURN_METRICS_PORT: '0',
    KEYTURN_METRICS_HOST: '127.0.0.1',
    KEYTURN_LIMITS_RATE: rate,
  });
  const url = await vi.waitFor(() => {
    const [, found] = /^metrics on (\S+)$/m.exec(running.stdout()) ?? [];
    if (found === undefined) throw new Error('not listening yet');
    return found;
  }, patient);
  return {
    ...running,
    async kmsCalls() {
      const { series } = parseMetrics(await (await request(url)).body.text());
      const calls = series.filter(({ name }) => name === 'keyturn_kms_requests_total');
      return calls.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

async function writeConfigFor(customers: Customers, broker: string, rate: number): Promise<string> {
  return writeConfig({
    rotation: 'counted',
    broker,
    ...customers.config,
    limits: { rate, batchSize: 10, backlog: 10 },
  });
}

test.concurrent.each(['redis', 'postgres'] as const)(
  'verify has its workers over %s do the calls, also while the rotation is paused',
  async (kind) => {
    const customers = await createCustomers(records);
    const { old, current } = await customers.rotateKey();
    const broker = kind === 'redis' ? await freshRedis() : await freshDatabase();
    const config = await writeConfigFor(customers, broker.url, 2000);
    expect((await runCli(['enqueue', '-c', config], { KEYTURN_LIMITS_BACKLOG: '100' })).code).toBe(0);
    expect((await runCli(['pause', '-c', config])).code).toBe(0);
    const workers = await Promise.all([startWorker(config, '2000'), startWorker(config, '2000')]);
    const callsBefore = await Promise.all(workers.map((worker) => worker.kmsCalls()));

    const paused = await runCli(['verify', '-c', config, '--deep', '--json']);
    expect(paused.stderr).toContain('2 workers count');
    expect(paused.code).toBe(1);
    expect(JSON.parse(paused.stdout)).toMatchObject({
      verdict: 'not-safe',
      method: 'kms',
      records,
      byVersion: { [old]: records },
    });
    const calls = await Promise.all(
      workers.map(async (worker, index) => (await worker.kmsCalls()) - (callsBefore[index] ?? 0)),
    );
    expect(Math.min(...calls)).toBeGreaterThan(0);
    // Verify lends a hand where a busy machine lets its workers wait.
    expect(calls.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(records / 2);

    expect((await runCli(['resume', '-c', config])).code).toBe(0);
    const { ledger, close } = await openLedger(config);
    await vi.waitFor(async () => expect((await ledger.snapshot()).state).toBe('finished'), patient);
    await close();
    const finished = await runCli(['verify', '-c', config, '--json']);
    expect(finished.stderr).toContain('2 workers count');
    expect(finished.code).toBe(0);
    expect(JSON.parse(finished.stdout)).toMatchObject({
      verdict: 'safe-to-retire',
      method: 'header+kms-sample',
      records,
      byVersion: { [current]: records },
    });

    for (const { child } of workers) child.kill('SIGTERM');
    for (const { code } of await Promise.all(workers.map(({ ended }) => ended))) expect(code).toBe(0);
    const alone = await runCli(['verify', '-c', config, '--json']);
    // A worker that has just ended passes for alive for some seconds; then it is found that none counts.
    if (alone.stderr.includes('workers count')) expect(alone.stderr).toContain('this process counts too');
    expect(JSON.parse(alone.stdout)).toMatchObject({ verdict: 'safe-to-retire', records });
    await customers.close();
  },
  150_000,
);

test.concurrent.each(['redis', 'postgres'] as const)(
  'verify and its workers killed with -9 over %s are gone on with, and no record counts twice or never',
  async (kind) => {
    const customers = await createCustomers(records);
    const version = await customers.kms.currentVersion('k1');
    const broker = kind === 'redis' ? await freshRedis() : await freshDatabase();
    // Slow, so that the kill comes in the midst of it on any machine.
    const config = await writeConfigFor(customers, broker.url, 60);
    const workers = await Promise.all([startWorker(config, '60'), startWorker(config, '60')]);
    const killed = startCli(['verify', '-c', config, '--deep', '--json']);
    await vi.waitFor(async () => expect(await workers[0]?.kmsCalls()).toBeGreaterThan(25), patient);
    for (const { child } of [killed, ...workers]) child.kill('SIGKILL');
    await Promise.all([killed, ...workers].map(({ ended }) => ended));

    const again = await runCli(['verify', '-c', config, '--deep', '--json'], { KEYTURN_LIMITS_RATE: '2000' });
    const [, startedAt, before] = /goes on with the census of (\S+): (\d+) records/.exec(again.stderr) ?? [];
    expect(Number(before)).toBeGreaterThan(0);
    expect(Number(before)).toBeLessThan(records);
    expect(again.code).toBe(0);
    const certificate = JSON.parse(again.stdout);
    expect(certificate).toMatchObject({
      verdict: 'safe-to-retire',
      records,
      byVersion: { [version]: records },
      startedAt,
    });
    expect(Date.parse(certificate.finishedAt)).toBeGreaterThan(Date.parse(certificate.startedAt));
    await customers.close();
  },
  150_000,
);
