import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { expect, test, vi, type TestContext } from 'vitest';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { freshRedis } from '../support/peers.ts';
import { createPeople, peopleUnder, type People } from '../support/people.ts';
import { startRedis, type TestServer } from '../support/servers.ts';

const patient = { timeout: 60_000, interval: 50 };
const timeout = 180_000;

async function peopleOf(count: number, { onTestFinished }: TestContext): Promise<People> {
  const people = await createPeople(count);
  onTestFinished(() => people.close());
  return people;
}

async function redisWith(
  args: readonly string[],
  { onTestFinished }: TestContext,
): Promise<{ server: TestServer; redis: Redis }> {
  const server = await startRedis(args);
  const redis = new Redis(server.url);
  onTestFinished(async () => {
    redis.disconnect();
    await server.stop();
  });
  return { server, redis };
}

const configFor = (people: People, broker: string, limits: object, store: object = {}): Promise<string> =>
  writeConfig({
    rotation: 'exhausted',
    broker,
    ...people.config,
    store: { ...people.config.store, ...store },
    limits,
  });

async function workToTheEnd(config: string, total: number): Promise<void> {
  const { code, stdout, stderr } = await runCli(['work', '-c', config, '--exit-when-done', '--json']);
  expect(code, stderr).toBe(0);
  const end = JSON.parse(stdout);
  expect(end).toMatchObject({ state: 'finished', total, enqueued: total, failed: 0, missing: 0 });
  expect(end.rotated + end.skipped).toBe(total);
}

test.concurrent(
  'a Redis without memory makes the producer wait in words, and loses no batch',
  { timeout },
  async (context) => {
    const records = 2000;
    const people = await peopleOf(records, context);
    const { server, redis } = await redisWith(['--maxmemory-policy', 'noeviction'], context);
    const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
    await redis.config('SET', 'maxmemory', used + 300_000);
    const config = await configFor(people, server.url, { batchSize: 5, backlog: 10_000 });

    const producer = startCli(['enqueue', '-c', config]);
    await vi.waitFor(() => expect(producer.stderr()).toContain('BROKER_FULL'), patient);
    expect(producer.stderr()).toContain('give it memory or disk');
    expect(producer.child.exitCode).toBeNull();
    await redis.config('SET', 'maxmemory', 0);
    expect((await producer.ended).code).toBe(0);
    await workToTheEnd(config, records);
    expect(await people.readAll()).toEqual(peopleUnder('version-2', records));
  },
);

test.concurrent(
  'a Redis whose disk takes no more makes all wait in words, and loses no count',
  { timeout },
  async (context) => {
    const records = 400;
    const people = await peopleOf(records, context);
    // With its folder gone it cannot save, and refuses writes as it does on a full disk.
    const { server, redis } = await redisWith(['--save', '1 1'], context);
    const config = await configFor(people, server.url, { batchSize: 20, rate: 100 });
    expect((await runCli(['enqueue', '-c', config])).code).toBe(0);
    const worker = startCli(['work', '-c', config, '--exit-when-done', '--json']);
    await vi.waitFor(
      async () =>
        expect(Number(await redis.hget('keyturn:{exhausted}:ledger', 'rotated'))).toBeGreaterThan(20),
      patient,
    );
    renameSync(server.dir, `${server.dir}-gone`);
    rmSync(`${server.dir}-gone`, { recursive: true, maxRetries: 10 });
    await vi.waitFor(() => expect(worker.stderr()).toContain('(MISCONF)'), patient);
    expect(worker.child.exitCode).toBeNull();

    await redis.config('SET', 'stop-writes-on-bgsave-error', 'no');
    // Else it would not even end, as it could not save.
    await redis.config('SET', 'save', '');
    const { code, stdout } = await worker.ended;
    expect(code).toBe(0);
    const end = JSON.parse(stdout);
    expect(end).toMatchObject({ state: 'finished', total: records, failed: 0, missing: 0 });
    expect(end.rotated + end.skipped).toBe(records);
    expect(await people.readAll()).toEqual(peopleUnder('version-2', records));
  },
);

test.concurrent(
  'a PostgreSQL without a connection left is named at the start and waited for on the way',
  { timeout },
  async (context) => {
    const records = 300;
    const people = await peopleOf(records, context);
    const role = `limited_${randomUUID().slice(0, 8)}`;
    await people.sql.query(
      `CREATE ROLE ${role} LOGIN CONNECTION LIMIT 0; GRANT SELECT, UPDATE ON people TO ${role}`,
    );
    context.onTestFinished(() =>
      people.sql.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`).then(() => undefined),
    );
    const url = people.url.replace('postgres@', `${role}@`);
    const config = await configFor(people, (await freshRedis()).url, { batchSize: 10 }, { url });

    const refused = await runCli(['run', '-c', config, '--json']);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('too many connections');

    // Fewer than it would have at a time.
    await people.sql.query(`ALTER ROLE ${role} CONNECTION LIMIT 1`);
    const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json']);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'finished', total: records, failed: 0, missing: 0 });
    expect(stderr).toContain('too many connections');
    expect(await people.readAll()).toEqual(peopleUnder('version-2', records));
  },
);

test.concurrent(
  'a worker without a file descriptor left says so, sets no record aside, and goes on with what it has',
  { timeout },
  async (context) => {
    const records = 300;
    const people = await peopleOf(records, context);
    const config = await configFor(people, (await freshRedis()).url, { batchSize: 100, concurrency: 200 });
    const worker = startCli(['work', '-c', config, '--exit-when-done', '--json']);
    await vi.waitFor(() => expect(worker.stderr()).toContain('worker started'), patient);
    const pid = String(worker.child.pid);
    const spare = 8;
    const descriptors = readdirSync(`/proc/${pid}/fd`).length + spare;
    execFileSync('prlimit', ['--pid', pid, `--nofile=${descriptors}`]);
    // All calls at a time, each on a connection of its own, until there is no descriptor for one more.
    const starved = vi.waitFor(() => expect(worker.stderr()).toContain('EMFILE'), patient);
    people.kms.beforeAnswer = async (method) => (method === 'reEncrypt' ? starved : undefined);
    const [producer] = await Promise.all([runCli(['enqueue', '-c', config]), starved]);
    expect(producer.code).toBe(0);
    const { code, stdout, stderr } = await worker.ended;
    expect(stderr).not.toContain('INTERNAL_ERROR');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'finished',
      total: records,
      rotated: records,
      failed: 0,
    });
    expect(await people.readAll()).toEqual(peopleUnder('version-2', records));
  },
);

test.concurrent(
  'a record of 10 MB is set aside alone, and its batch goes on',
  { timeout },
  async (context) => {
    const records = 20;
    const people = await peopleOf(records, context);
    const huge = Buffer.alloc(10 * 2 ** 20, 'huge');
    await people.sql.query('UPDATE people SET value = $1 WHERE id = 7', [huge]);
    const config = await configFor(people, (await freshRedis()).url, {});
    const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json'], {
      NODE_OPTIONS: '--max-old-space-size=128',
    });
    expect(code, stderr).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'finished', rotated: records - 1, failed: 1 });
    const { failures } = JSON.parse((await runCli(['failures', '-c', config, '--json'])).stdout);
    expect(failures).toMatchObject([{ ref: '["7"]' }]);
    const { rows } = await people.sql.query('SELECT value = $1 AS same FROM people WHERE id = 7', [huge]);
    expect(rows).toEqual([{ same: true }]);
  },
);
