import { request } from 'undici';
import { afterEach, expect, test, vi } from 'vitest';
import { runCli, type RunningCli } from '../support/cli.ts';
import { parseMetrics, type Scrape } from '../support/parse-metrics.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { killAll, openSteeringScene, type SteeringScene } from '../support/steering-scene.ts';

const records = 400;
const bad = records / 10;

let scene: SteeringScene;
afterEach(() => scene.close());

async function open(broker: string, maxFailures: number, badRecords = true): Promise<void> {
  scene = await openSteeringScene(
    broker,
    records,
    { limits: { rate: 200, batchSize: 20, maxFailures }, metrics: { port: 0, host: '127.0.0.1' } },
    (record) => badRecords && record % 10 === 0,
  );
}

async function scrape(worker: RunningCli): Promise<Scrape> {
  const [, url = ''] = /^metrics on (\S+)$/m.exec(worker.stdout()) ?? [];
  return parseMetrics(await (await request(url)).body.text());
}

/** The lines that say why a rotation paused, in the logs of all workers. */
function reasonsLogged(workers: readonly RunningCli[]): object[] {
  return workers
    .flatMap((worker) => worker.stderr().trimEnd().split('\n'))
    .map((line): { msg?: string } => JSON.parse(line))
    .filter(({ msg }) => msg === 'rotation paused');
}

/** Waits until the rotation has paused itself, for the `nth` time, and says why wherever one looks. */
async function expectPaused(
  workers: readonly RunningCli[],
  cause: string,
  reason: RegExp,
  nth = 1,
): Promise<void> {
  await vi.waitFor(
    async () => {
      for (const worker of workers) {
        const { value } = await scrape(worker);
        expect(value('keyturn_rotation_state', { state: 'paused' })).toBe(1);
        expect(value('keyturn_paused', { cause })).toBe(1);
      }
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(await scene.status()).toMatchObject({ state: 'paused', reason: expect.stringMatching(reason) });
  const logged = reasonsLogged(workers);
  expect(logged).toHaveLength(nth);
  expect(logged).toContainEqual(
    expect.objectContaining({ level: 50, cause, reason: expect.stringMatching(reason) }),
  );
}

const refusals = [
  { what: { status: 403, code: 7 }, reason: /PERMISSION_DENIED/ },
  { what: { status: 404, code: 5 }, reason: /NOT_FOUND/ },
];

test('permission lost and an unknown key in mid run pause it and say why, set nothing aside, and resume goes on where it stood', async () => {
  await open((await freshRedis()).url, 0, false);
  const workers = await scene.startWorkers(2, ['--exit-when-done']);
  await scene.command('enqueue');
  let resumed: Promise<unknown> = Promise.resolve();
  let done = 0;
  let callsBefore = 0;
  for (const [index, { what, reason }] of refusals.entries()) {
    await scene.calls(100);
    scene.kms.refusal = what;
    await resumed;
    await expectPaused(workers, 'refused', reason, index + 1);
    const { rotated, failed } = await scene.status();
    expect(rotated).toBeGreaterThan(done);
    expect(failed).toBe(0);
    done = rotated;

    scene.kms.refusal = null;
    callsBefore = scene.callsSince(0).length;
    // The next calls come before the command has ended.
    resumed = scene.command('resume');
  }
  await resumed;
  for (const { code } of await Promise.all(workers.map(({ ended }) => ended))) expect(code).toBe(0);
  expect(await scene.status()).toMatchObject({
    state: 'finished',
    rotated: records,
    failed: 0,
    reason: null,
  });
  // Nothing that was done is done again.
  expect(scene.callsSince(0).length - callsBefore).toBeLessThanOrEqual(records - done);
}, 150_000);

test('more failures than allowed pause it and say why, and with a higher limit resume ends it', async () => {
  await open((await freshDatabase()).url, bad / 2);
  let workers = await scene.startWorkers(2, ['--exit-when-done']);
  await scene.command('enqueue');
  await expectPaused(workers, 'failures', /limits\.maxFailures \(20\)/);
  const paused = await scene.status();

  await killAll(workers);
  workers = await scene.startWorkers(2, ['--exit-when-done'], { KEYTURN_LIMITS_MAX_FAILURES: '1000' });
  await scene.command('resume');
  // Ended, but with failed records.
  for (const { code } of await Promise.all(workers.map(({ ended }) => ended))) expect(code).toBe(1);
  const { rotated, ...ended } = await scene.status();
  expect(ended).toMatchObject({ state: 'finished', failed: bad, reason: null });
  expect(rotated).toBe(records - bad);
  expect(paused.rotated).toBeLessThan(rotated);
}, 150_000);

test.each([
  ['more than', bad / 2, 'paused'],
  ['no more than', bad, 'finished'],
])(
  'run ends with exit 1 where %s the allowed failures come, and verifies only what it finished',
  async (_name, maxFailures, state) => {
    await open((await freshRedis()).url, maxFailures);
    const { code, stdout } = await runCli(['run', '-c', scene.config, '--json']);
    expect(code).toBe(1);
    const report = JSON.parse(stdout);
    expect(report.state).toBe(state);
    if (state === 'finished')
      expect(report).toMatchObject({ failed: bad, certificate: { verdict: 'not-safe' } });
    else
      expect(report).toMatchObject({
        reason: expect.stringContaining('limits.maxFailures (20)'),
        certificate: null,
      });
  },
  120_000,
);
