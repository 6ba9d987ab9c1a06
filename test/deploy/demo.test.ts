import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { runCli, startCli, writeConfigText, type RunningCli } from '../support/cli.ts';
import { podsOf } from '../support/deploy/pods.ts';
import { renderOverlay } from '../support/deploy/render.ts';
import { rotationText } from '../support/deploy/rotation-config.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

const records = 100;
const objects = renderOverlay('overlays/demo');

/** The demo's own script, config and arguments, on servers of this machine. */
describe('the demo', () => {
  let emulator: RunningCli;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let redis: Awaited<ReturnType<typeof freshRedis>>;
  let endpoint: string;

  beforeAll(async () => {
    [database, redis] = await Promise.all([freshDatabase(), freshRedis()]);
    const [container] =
      podsOf(objects).find(({ name }) => name === 'Deployment/kms-emulator')?.containers ?? [];
    const elsewhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '8543': '0' };
    emulator = startCli((container?.args ?? []).map((argument) => elsewhere[argument] ?? argument));
    endpoint = await vi.waitFor(
      () => z.object({ endpoint: z.string() }).parse(JSON.parse(emulator.stdout())).endpoint,
      { timeout: 20_000 },
    );
  });
  afterAll(async () => {
    emulator.child.kill();
    await emulator.ended;
    await Promise.all([database.drop(), redis.flush()]);
  });

  test('a demo that does not seed, run and end safe would show nothing', async () => {
    const seed = (): ReturnType<typeof run> =>
      run(process.execPath, ['deploy/kubernetes/overlays/demo/seed.mjs'], {
        env: {
          APP: `${process.cwd()}/`,
          RECORDS: String(records),
          STORE_URL: database.url,
          KMS_ENDPOINT: endpoint,
          KMS_TOKEN: 'demo',
        },
      });
    // Both the producer and a worker begin with it.
    const outputs = await Promise.all([seed(), seed()]);
    expect(new Set(outputs.map(({ stdout }) => stdout))).toEqual(
      new Set(['', `${records} records encrypted; the key is rotated\n`]),
    );

    const config = await writeConfigText(rotationText(objects));
    const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json'], {
      KEYTURN_BROKER: redis.url,
      KEYTURN_STORE_URL: database.url,
      KEYTURN_KMS_ENDPOINT: endpoint,
      KEYTURN_KMS_AUTH_IAM_TOKEN: 'demo',
      KEYTURN_METRICS_HOST: '127.0.0.1',
      KEYTURN_METRICS_PORT: '0',
    });
    expect(stderr).not.toContain('warning');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rotated: records,
      certificate: { verdict: 'safe-to-retire' },
    });
  });
});

const run = promisify(execFile);
