import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

const records = 200;

describe.each(['redis', 'postgres'] as const)('run over a %s broker', (kind) => {
  let customers: Customers;
  let config: string;
  let versions: { old: string; current: string };

  beforeAll(async () => {
    customers = await createCustomers(records);
    versions = await customers.rotateKey();
    const broker = kind === 'redis' ? await freshRedis() : await freshDatabase();
    config = await writeConfig({
      rotation: 'customers-ssn',
      broker: broker.url,
      ...customers.config,
      limits: { rate: 'none', batchSize: 40 },
    });
  }, 60_000);
  afterAll(() => customers.close());

  test('check reaches all three and says so', async () => {
    const { code, stdout } = await runCli(['check', '-c', config]);
    expect(stdout).toContain('broker  ok');
    expect(stdout).toContain('store   ok');
    expect(stdout).toContain('kms     ok');
    expect(code).toBe(0);
  });

  test('verify before the run says not-safe, with exit 1', async () => {
    const { code, stdout } = await runCli(['verify', '-c', config, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'not-safe', byVersion: { [versions.old]: records } });
    expect(code).toBe(1);
  });

  test('every record comes under the new version, and nothing else changes', async () => {
    const before = await customers.sql.query(
      `SELECT "Id", note, updated_at FROM ${customersTable} ORDER BY "Id"`,
    );
    const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json']);
    expect(stderr).not.toContain('INTERNAL_ERROR');
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      state: 'finished',
      total: records,
      enqueued: records,
      rotated: records,
      skipped: 0,
      missing: 0,
      failed: 0,
      remaining: 0,
      certificate: { verdict: 'safe-to-retire', records, byVersion: { [versions.current]: records } },
    });
    expect(code).toBe(0);
    const after = await customers.sql.query(
      `SELECT "Id", note, updated_at FROM ${customersTable} ORDER BY "Id"`,
    );
    expect(after.rows).toEqual(before.rows);
    for (const { id, plaintext } of await customers.decryptAll()) expect(plaintext).toBe(`plain-${id}`);
  });

  test('run again begins a new pass and skips everything without a KMS call for it', async () => {
    const { code, stdout } = await runCli(['run', '-c', config, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ pass: 2, rotated: 0, skipped: records, failed: 0 });
    expect(code).toBe(0);
  });

  test('verify --deep asks the KMS about every record, and --out keeps what it says', async () => {
    const out = `${config}.certificate`;
    await writeFile(out, 'x'.repeat(10_000));
    const { code, stdout } = await runCli(['verify', '-c', config, '--deep', '--json', '--out', out]);
    const certificate = JSON.parse(stdout);
    expect(certificate).toMatchObject({ verdict: 'safe-to-retire', excluded: null, method: 'kms', records });
    expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(certificate);
    expect(code).toBe(0);
  });

  test('a bad record is listed by failures, the others are done, and the exit code is 1', async () => {
    await customers.sql.query(
      `UPDATE ${customersTable} SET "ssn ""enc""" = CASE WHEN "Id" % 2 = 0 THEN 'not base64!' ELSE 'AAAAAAAAAAAA' END
       WHERE "Id" IN (SELECT "Id" FROM ${customersTable} ORDER BY "Id" LIMIT 4)`,
    );
    await customers.rotateKey();
    const { code, stdout } = await runCli(['run', '-c', config, '--json']);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      rotated: records - 4,
      failed: 4,
      certificate: { verdict: 'not-safe', unreadable: 4 },
    });
    expect(code).toBe(1);
    const failures = JSON.parse((await runCli(['failures', '-c', config, '--json'])).stdout);
    expect(failures.failures.map(({ code }: { code: string }) => code).toSorted()).toEqual([
      'BAD_FORMAT',
      'BAD_FORMAT',
      'INVALID_ARGUMENT',
      'INVALID_ARGUMENT',
    ]);
    const status = JSON.parse((await runCli(['status', '-c', config, '--json'])).stdout);
    expect(status).toMatchObject({ state: 'finished', failed: 4 });
  }, 60_000);
});
