import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setInterval as every } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { request } from 'undici';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startCli, runCli, writeConfig } from '../support/cli.ts';
import { customersAad, seedCustomers } from '../support/many-customers.ts';
import { freshDatabase } from '../support/peers.ts';
import { startRedis } from '../support/servers.ts';
import { fitSlope, printTable, type Sample } from './memory-samples.ts';

const records = Number(process.env['SOAK_RECORDS'] ?? '1000000');
const betweenSamplesMs = 2000;
const workerFlags = { NODE_OPTIONS: '--max-old-space-size=128' };

test(
  `two workers of 128 MB bring ${records} records under a new version with flat memory, their broker's too`,
  { timeout: 4 * 3_600_000 },
  async () => {
    const database = await freshDatabase();
    const sql = new pg.Pool({ connectionString: database.url, max: 2 });
    const redisServer = await startRedis();
    const redis = new Redis(redisServer.url);
    const stateFile = join(mkdtempSync(join(tmpdir(), 'keyturn-soak-')), 'keys.json');
    const emulator = startCli(['kms-emulator', '--port', '0', '--key', 'k1', '--state', stateFile]);
    onTestFinished(async () => {
      emulator.child.kill('SIGKILL');
      redis.disconnect();
      await sql.end();
      await redisServer.stop();
      await database.drop();
    });
    const { endpoint, token } = await vi.waitFor(() => JSON.parse(emulator.stdout()), { timeout: 20_000 });

    const seededAt = performance.now();
    await seedCustomers(sql, stateFile, records);
    await request(`${endpoint}/kms/v1/keys/k1:rotate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    }).then(({ body }) => body.dump());
    const config = await writeConfig({
      rotation: 'soak',
      broker: redisServer.url,
      kms: { provider: 'yandex', endpoint, auth: { iamToken: token } },
      source: { keyId: 'k1', aadContext: customersAad },
      target: { keyId: 'k1', aadContext: customersAad },
      store: { type: 'postgres', url: database.url, table: 'customers', key: ['id'], column: 'ssn' },
      format: 'raw',
    });
    process.stdout.write(
      `seeded ${records} records in ${Math.round((performance.now() - seededAt) / 1000)} s\n`,
    );

    const startedAt = performance.now();
    const workers = [1, 2].map(() =>
      startCli(['work', '-c', config, '--exit-when-done', '--json'], workerFlags),
    );
    const producer = startCli(['enqueue', '-c', config, '--json'], workerFlags);
    const samples: Sample[] = [];
    const ended = Promise.all(workers.map((worker) => worker.ended));
    let over = false;
    void ended.then(() => (over = true));
    for await (const from of every(betweenSamplesMs, startedAt)) {
      if (over) break;
      const sample = await takeSample(
        redis,
        workers.map(({ child }) => child.pid ?? 0),
      );
      if (sample !== null) samples.push({ seconds: (performance.now() - from) / 1000, ...sample });
    }
    const seconds = (performance.now() - startedAt) / 1000;

    expect((await producer.ended).code).toBe(0);
    for (const { code, stdout, stderr } of await ended) {
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        state: 'finished',
        total: records,
        rotated: records,
        failed: 0,
      });
    }
    const settled = samples.filter(({ done }) => done > records / 10);
    printTable(samples, records, seconds);
    for (const part of ['worker1', 'worker2', 'broker'] as const) {
      const points = settled.map((sample) => ({ x: sample.done / records, y: sample[part] }));
      const { perRun, mean } = fitSlope(points);
      process.stdout.write(
        `${part}: ${mean.toFixed(1)} MB on average after the first tenth, slope ${perRun.toFixed(1)} MB per ${records} records\n`,
      );
      expect(perRun, `${part} grows`).toBeLessThan(Math.max(0.1 * mean, 2));
    }
    const status = JSON.parse((await runCli(['status', '-c', config, '--json'])).stdout);
    expect(status).toMatchObject({ rotated: records });
  },
);

/** In MB; null where a worker has ended already. */
async function takeSample(redis: Redis, pids: readonly number[]): Promise<Omit<Sample, 'seconds'> | null> {
  const info = await redis.info('memory');
  const tally = await redis.hmget('keyturn:{soak}:ledger', 'rotated', 'skipped');
  try {
    const resident = execFileSync('ps', ['-o', 'rss=', '-p', pids.join(',')], { encoding: 'utf8' });
    const [worker1, worker2] = resident
      .trim()
      .split('\n')
      .map((kilobytes) => Number(kilobytes) / 1024);
    if (worker1 === undefined || worker2 === undefined) return null;
    const broker = Number(/^used_memory:(\d+)/m.exec(info)?.[1]) / 2 ** 20;
    return { done: tally.reduce((sum, count) => sum + Number(count), 0), worker1, worker2, broker };
  } catch {
    return null;
  }
}
