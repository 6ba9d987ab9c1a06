import { expect, test, vi, type TestContext } from 'vitest';
import { runCli, startCli, writeConfig, type RunningCli } from '../support/cli.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { OpaqueKms } from '../support/opaque-kms.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { createPeople, peopleUnder } from '../support/people.ts';

/** Within the 12 s for which a batch is its worker's, of which six may be over when the link is cut. */
const cutOffMs = 8000;
const patient = { timeout: 60_000, interval: 50 };
const records = 60;

/** People, and links that can be cut: the worker's to the broker, and everyone's to the store. */
async function openScene(
  kind: 'redis' | 'postgres',
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
) {
  const people = await createPeople(records);
  const broker = (await (kind === 'redis' ? freshRedis() : freshDatabase())).url;
  const links = {
    broker: await startFaultProxy(portOf(broker)),
    store: await startFaultProxy(portOf(people.url)),
  };
  onTestFinished(async () => {
    await Promise.all(Object.values(links).map((link) => link.close()));
    await people.close();
  });
  const configFor = (brokerUrl: string): Promise<string> =>
    writeConfig({
      rotation: 'cut',
      broker: brokerUrl,
      ...people.config,
      store: { ...people.config.store, url: atPort(people.url, links.store.port) },
      limits: { batchSize: 20, concurrency: 100 },
    });
  return {
    ...people,
    links,
    config: await configFor(broker),
    behindLink: await configFor(atPort(broker, links.broker.port)),
  };
}

const portOf = (url: string): number => Number(new URL(url).port);

function atPort(url: string, port: number): string {
  return url.replace(/:\d+\//, `:${port}/`);
}

function reEncryptsOf(kms: OpaqueKms): OpaqueKms['calls'] {
  return kms.calls.filter(({ method }) => method === 'reEncrypt');
}

/** A worker behind the link, with a call for each record under way, none of which is answered. */
async function startBusyWorker(
  { kms, config, behindLink }: Awaited<ReturnType<typeof openScene>>,
  args: readonly string[] = [],
): Promise<{ worker: RunningCli; answer: () => void }> {
  expect((await runCli(['enqueue', '-c', config])).code).toBe(0);
  expect((await runCli(['pause', '-c', config])).code).toBe(0);
  const worker = startCli(['work', '-c', behindLink, ...args]);
  await vi.waitFor(() => expect(worker.stderr()).toContain('worker started'), patient);
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  kms.beforeAnswer = () => answered;
  expect((await runCli(['resume', '-c', config])).code).toBe(0);
  await vi.waitFor(() => expect(reEncryptsOf(kms)).toHaveLength(records), patient);
  return { worker, answer };
}

test.concurrent.for(['redis', 'postgres'] as const)(
  'a worker cut off from %s abandons its calls before others may have its batches, and goes on by itself',
  { timeout: 180_000 },
  async (kind, context) => {
    const scene = await openScene(kind, context);
    const { kms, links } = scene;
    const { worker } = await startBusyWorker(scene, ['--exit-when-done', '--json']);
    const calls = reEncryptsOf(kms);

    const cutAt = performance.now();
    links.broker.setMode('blackhole');
    await vi.waitFor(
      () => expect(calls.filter(({ abandonedAt }) => abandonedAt === null)).toEqual([]),
      patient,
    );
    const abandonedAfterMs = Math.max(...calls.map(({ abandonedAt }) => abandonedAt ?? 0)) - cutAt;
    expect(abandonedAfterMs).toBeLessThan(cutOffMs);
    expect(reEncryptsOf(kms)).toHaveLength(records);

    kms.beforeAnswer = async () => undefined;
    links.broker.setMode('pass');
    const { code, stdout } = await worker.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'finished',
      total: records,
      rotated: records,
      failed: 0,
    });
  },
);

test.concurrent(
  'what a cut-off worker writes late changes neither what others rotated nor what the application wrote',
  async (context) => {
    const scene = await openScene('redis', context);
    const { kms, links, sql, config, readAll } = scene;
    const { worker: late, answer } = await startBusyWorker(scene);
    links.store.setMode('hold');
    answer();
    // Its writes are under way; the network keeps them.
    await vi.waitFor(() => expect(links.store.held()).toBeGreaterThanOrEqual(3), patient);
    links.broker.setMode('blackhole');

    const ofApplication = kms.encrypt('written meanwhile', '7', 'version-2');
    await sql.query('UPDATE people SET value = $1 WHERE id = 7', [ofApplication]);
    const other = await runCli(['work', '-c', config, '--exit-when-done', '--json']);
    expect(JSON.parse(other.stdout)).toMatchObject({ rotated: records - 1, skipped: 1, total: records });
    const left = await readAll();
    expect(left).toEqual(peopleUnder('version-2', records).set('7', 'written meanwhile under version-2'));

    links.store.setMode('pass');
    await vi.waitFor(() => expect(links.store.held()).toBe(0), patient);
    links.broker.setMode('pass');
    late.child.kill('SIGTERM');
    expect((await late.ended).code).toBe(0);
    expect(await readAll()).toEqual(left);
    const { stdout } = await runCli(['status', '-c', config, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'finished',
      rotated: records - 1,
      skipped: 1,
      conflicts: 0,
    });
  },
  180_000,
);
