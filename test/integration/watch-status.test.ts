import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startCli } from '../support/cli.ts';
import { startRedis, type TestServer } from '../support/servers.ts';
import { openSteeringScene, type SteeringScene } from '../support/steering-scene.ts';
import { startInTerminal } from '../support/terminal.ts';

let redis: TestServer;
let scene: SteeringScene;

beforeAll(async () => {
  redis = await startRedis(['--appendonly', 'yes']);
  scene = await openSteeringScene(redis.url, 200, { limits: { rate: 20, batchSize: 10 } });
}, 60_000);
afterAll(async () => {
  await scene.close();
  await redis.stop();
});

const until = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 50 });

test('a watcher goes on through an outage of the broker, and ends with the rotation', async () => {
  const watchers = [['--json'], []].map((flags) =>
    startCli(['status', '--watch', '-c', scene.config, ...flags]),
  );
  const [json, plain] = watchers;
  const seen = (): Record<string, unknown>[] =>
    (json?.stdout() ?? '')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  await until(() => expect(seen().at(-1)).toMatchObject({ state: 'new', workers: 0 }));
  const [worker] = await scene.startWorkers(1);
  await scene.command('enqueue');
  await until(() =>
    expect(seen().at(-1)).toMatchObject({ state: 'running', workers: 1, total: 200, outOfReachSince: null }),
  );

  await redis.kill();
  await until(() => expect(seen().at(-1)?.['outOfReachSince']).toEqual(expect.any(String)));
  await redis.restart();
  await until(() => expect(seen().at(-1)).toMatchObject({ state: 'running', outOfReachSince: null }));

  await scene.command('cancel');
  worker?.child.kill('SIGKILL');
  for (const { code } of await Promise.all(watchers.map(({ ended }) => ended))) expect(code).toBe(1);
  expect(seen().at(-1)).toMatchObject({ state: 'cancelled' });
  // One at the start and one per state: the next ten seconds of a state are far.
  const lines = plain?.stdout().trimEnd().split('\n') ?? [];
  expect(lines[0]).toMatch(/^steered new: 0 of 0 records/);
  expect(lines.at(-1)).toMatch(/^steered cancelled: /);
}, 150_000);

describe('on a terminal', () => {
  test('Ctrl-C leaves the view as it stands, in place and once, with exit 130; the end of the rotation ends it', async () => {
    await scene.command('enqueue');
    await scene.command('rate', 'none');
    const watch = startInTerminal(
      `trap : INT; node dist/cli/main.js status --watch -c ${scene.config}; echo "exit $?"`,
    );
    await until(() => expect(watch.lines().join('\n')).toContain("no worker is up: start 'keyturn work'"));
    await until(() => expect(watch.output().split('rotation  ').length).toBeGreaterThan(3));
    watch.type('\u0003');
    await watch.ended;
    const left = watch.lines();
    expect(left.filter((line) => line.startsWith('rotation  '))).toEqual([
      'rotation  steered running, pass 2',
    ]);
    expect(left).toContain('          0 of 200: 0 rotated, 0 skipped, 0 missing, 0 failed');
    expect(left).toContain('exit 130');

    const second = startInTerminal(`node dist/cli/main.js status --watch -c ${scene.config}; echo "exit $?"`);
    const [worker] = await scene.startWorkers(1, ['--exit-when-done']);
    expect((await worker?.ended)?.code).toBe(0);
    await second.ended;
    const ended = second.lines();
    expect(ended).toContain('rotation  steered finished, pass 2');
    expect(ended).toContainEqual(expect.stringMatching(/^records {3}\[=+\] 100%$/));
    expect(ended).toContain('exit 0');
  }, 150_000);
});
