import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { createCustomers } from '../support/customers.ts';

test('the demo rotates all of its records and proves it, in one JSON object on stdout, and says what it does', async () => {
  const { code, stdout, stderr } = await runCli(['demo', '--records', '600', '--json']);
  expect(code).toBe(0);
  expect(stderr).toContain('for trial and test only');
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    state: 'finished',
    total: 600,
    rotated: 600,
    certificate: { verdict: 'safe-to-retire', records: 600, unreadable: 0 },
  });
  expect(Object.values(report.certificate.byVersion)).toEqual([600]);
}, 60_000);

test('an embedded broker serves one process at a time, keeps its state, and survives a kill', async () => {
  const customers = await createCustomers(150);
  await customers.rotateKey();
  const config = await writeConfig({
    rotation: 'embedded',
    broker: `embedded:${join(await mkdtemp(join(tmpdir(), 'keyturn-embedded-')), 'db')}`,
    ...customers.config,
    // Slow, so that the second comes in the midst of it on any machine.
    limits: { rate: 20, batchSize: 10 },
  });
  const first = startCli(['run', '-c', config]);
  await vi.waitFor(() => expect(first.stdout()).toContain('begins pass 1'), { timeout: 45_000 });
  const second = await runCli(['status', '-c', config]);
  expect(second.code).toBe(2);
  expect(second.stderr).toContain('in use by another keyturn process');
  first.child.kill('SIGKILL');
  await first.ended;

  const again = await runCli(['run', '-c', config, '--json'], { KEYTURN_LIMITS_RATE: 'none' });
  expect(again.code).toBe(0);
  const report = JSON.parse(again.stdout);
  expect(report).toMatchObject({ pass: 1, total: 150, certificate: { verdict: 'safe-to-retire' } });
  expect(report.rotated + report.skipped).toBe(150);
  await customers.close();
}, 120_000);

test('the demo of envelopes gives each a new data key, and opens them again as the application would', async () => {
  const { code, stdout, stderr } = await runCli(['demo', '--envelope', '--records', '300', '--json']);
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('300 envelopes, each under an AES-128 data key wrapped by version 1');
  expect(stderr).toContain('100 of the envelopes open under new AES-256 data keys');
  expect(JSON.parse(stdout)).toMatchObject({ rotated: 300, certificate: { verdict: 'safe-to-retire' } });
}, 60_000);
