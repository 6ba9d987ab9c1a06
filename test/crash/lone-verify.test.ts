import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';
import { freshRedis } from '../support/peers.ts';
import { openSteeringScene } from '../support/steering-scene.ts';

const records = 120;

test.each([
  ['redis', 'SIGINT', 130],
  ['embedded', 'SIGKILL', null],
] as const)(
  'verify without a worker over %s, ended by %s, is gone on with',
  async (kind, signal, exitCode) => {
    const broker =
      kind === 'redis' ? (await freshRedis()).url : `embedded:${await mkdtemp(join(tmpdir(), 'keyturn-'))}`;
    const scene = await openSteeringScene(broker, records, { limits: { rate: 60, batchSize: 10 } });
    onTestFinished(() => scene.close());
    const verify = ['verify', '-c', scene.config, '--deep', '--json'];
    const first = startCli(verify);
    await scene.calls(40);
    first.child.kill(signal);
    const { code, stderr } = await first.ended;
    expect(code, stderr).toBe(exitCode);

    const again = await runCli(verify, { KEYTURN_LIMITS_RATE: 'none' });
    const [, before] = /goes on with the census of \S+: (\d+) records/.exec(again.stderr) ?? [];
    expect(Number(before)).toBeGreaterThan(0);
    expect(Number(before)).toBeLessThan(records);
    expect(JSON.parse(again.stdout)).toMatchObject({
      method: 'kms',
      records,
      byVersion: { 'version-1': records },
    });
    // Nothing is rotated yet.
    expect(again.code).toBe(1);
  },
  60_000,
);
