import { openBroker } from '../../src/cli/open-broker.ts';
import { expect, test, vi, type TestContext } from 'vitest';
import { runCli, startCli, writeConfig, type CliResult, type RunningCli } from '../support/cli.ts';
import { parseWith } from '../support/parse-config.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { createPeople, peopleUnder } from '../support/people.ts';
import { startRedis } from '../support/servers.ts';

/** `shutdownTimeout` of these rotations is ten seconds; a process takes a moment to end. */
const boundMs = 11_000;
const patient = { timeout: 60_000, interval: 50 };

async function openScene(
  broker: string,
  records: number,
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
) {
  const people = await createPeople(records);
  onTestFinished(() => people.close());
  const config = await writeConfig({
    rotation: 'shutdown',
    broker,
    ...people.config,
    limits: { batchSize: 5000, concurrency: 50 },
    shutdownTimeout: '10s',
  });
  const { kms } = people;
  const calls = (): number => kms.calls.filter(({ method }) => method === 'reEncrypt').length;
  /** The KMS answers so many calls; those behind them wait until it is told to answer all. */
  function answerOnly(most: number): void {
    const held = new Promise<void>((resolve) => (answerAll = resolve));
    // The call that a worker begins with is answered however late it begins: else it takes no part.
    kms.beforeAnswer = async (method) => (method !== 'reEncrypt' || calls() <= most ? undefined : held);
  }
  let answerAll = (): void => undefined;
  const status = async (): Promise<unknown> =>
    JSON.parse((await runCli(['status', '-c', config, '--json'])).stdout);
  const workToTheEnd = (): Promise<CliResult> => runCli(['work', '-c', config, '--exit-when-done', '--json']);
  return { ...people, config, calls, answerOnly, answerAll: () => answerAll(), status, workToTheEnd };
}

async function queued(brokerUrl: string): Promise<object> {
  const { config } = parseWith({ rotation: 'shutdown', broker: brokerUrl, log: { level: 'silent' } });
  const broker = await openBroker(config, () => undefined);
  try {
    return await broker.queue.counts();
  } finally {
    await broker.close();
  }
}

async function endBySignal({ child, ended }: RunningCli): Promise<{ code: number | null; ms: number }> {
  const startedAt = performance.now();
  child.kill('SIGTERM');
  const { code } = await ended;
  return { code, ms: performance.now() - startedAt };
}

test.concurrent.for(['redis', 'postgres'] as const)(
  'a worker that is stopped in a batch of 5,000 slow calls over %s hands back the rest, and no call is made twice',
  { timeout: 180_000 },
  async (kind, context) => {
    const broker = await (kind === 'redis' ? freshRedis() : freshDatabase());
    const scene = await openScene(broker.url, 5000, context);
    const { config, calls, status, readAll, workToTheEnd } = scene;
    scene.answerOnly(100);
    const worker = startCli(['work', '-c', config]);
    expect((await runCli(['enqueue', '-c', config])).code).toBe(0);
    await vi.waitFor(() => expect(calls()).toBeGreaterThan(100), patient);

    const end = await endBySignal(worker);
    expect(end.code).toBe(0);
    expect(end.ms).toBeLessThan(boundMs);
    const callsMade = calls();
    expect(callsMade).toBeLessThan(5000);
    // Nobody has to wait for its lock.
    expect(await queued(broker.url)).toMatchObject({ active: 0, failed: 0 });
    expect(await status()).toMatchObject({ state: 'running', total: 5000, rotated: 0, remaining: 5000 });

    scene.answerAll();
    const { code, stdout } = await workToTheEnd();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'finished', total: 5000, rotated: 5000, failed: 0 });
    // Those that were abandoned half-way, as many as were in flight, are all that was lost.
    expect(calls()).toBeLessThanOrEqual(5000 + 50);
    expect(await readAll()).toEqual(peopleUnder('version-2', 5000));
  },
);

test.concurrent.for(['stopped', 'dead'] as const)(
  'worker and producer end in bounded time with their Redis %s, at once at a second signal, and no count is lost',
  { timeout: 180_000 },
  async (trouble, context) => {
    const records = 400;
    const redis = await startRedis(['--appendonly', 'yes']);
    context.onTestFinished(() => redis.stop());
    const scene = await openScene(redis.url, records, context);
    const { config, calls, status, readAll, workToTheEnd } = scene;
    scene.answerOnly(40);
    const small = { KEYTURN_LIMITS_BATCH_SIZE: '20', KEYTURN_LIMITS_BACKLOG: '6', KEYTURN_LIMITS_RATE: '40' };
    const [worker, impatient] = [
      startCli(['work', '-c', config], small),
      startCli(['work', '-c', config], small),
    ];
    const producer = startCli(['enqueue', '-c', config], small);
    // One alone has three batches, and what is answered ends two: it makes a hundred calls at most.
    await vi.waitFor(() => expect(calls()).toBeGreaterThan(100), patient);
    if (trouble === 'stopped') process.kill(redis.pid(), 'SIGSTOP');
    else await redis.kill();

    const twice = endBySignal(impatient);
    // Of another kind: the system may merge two of one kind.
    impatient.child.kill('SIGINT');
    const ends = Promise.all([endBySignal(worker), endBySignal(producer)]);
    const { code, ms } = await twice;
    expect(code).toBe(130);
    expect(ms).toBeLessThan(2500);
    const [worked, produced] = await ends;
    expect(worked.code).toBe(0);
    expect(produced.code).toBe(130);
    expect(Math.max(worked.ms, produced.ms)).toBeLessThan(boundMs);

    if (trouble === 'stopped') process.kill(redis.pid(), 'SIGCONT');
    else await redis.restart();
    scene.answerAll();
    expect((await runCli(['enqueue', '-c', config], { ...small, KEYTURN_LIMITS_BACKLOG: '50' })).code).toBe(
      0,
    );
    expect((await workToTheEnd()).code).toBe(0);
    expect(await status()).toMatchObject({
      state: 'finished',
      total: records,
      failed: 0,
      missing: 0,
      remaining: 0,
    });
    expect(await readAll()).toEqual(peopleUnder('version-2', records));
  },
);
