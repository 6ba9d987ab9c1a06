import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { freshRedis } from '../support/peers.ts';

const records = 40;
const column = '"ssn ""enc"""';
let customers: Customers;
beforeAll(async () => {
  customers = await createCustomers(records);
}, 120_000);
afterAll(() => customers.close());

/** Spoils three records, each second one in another way, and gives what mends them. */
async function spoilThree(): Promise<() => Promise<void>> {
  const { rows } = await customers.sql.query<{ id: string; value: string }>(
    `SELECT "Id"::text AS id, ${column} AS value FROM ${customersTable} ORDER BY "Id" LIMIT 3`,
  );
  const set = async (id: string, value: string): Promise<void> =>
    void (await customers.sql.query(`UPDATE ${customersTable} SET ${column} = $2 WHERE "Id" = $1`, [
      id,
      value,
    ]));
  for (const [i, { id }] of rows.entries()) await set(id, i === 1 ? 'not base64!' : 'AAAAAAAAAAAA');
  return async () => {
    for (const { id, value } of rows) await set(id, value);
  };
}

test('over redis: what failed is shown by code, goes back, and the pass ends as if it had never failed', async () => {
  const broker = await freshRedis();
  const settings = {
    rotation: 'customers-ssn',
    broker: broker.url,
    ...customers.config,
    limits: { rate: 'none', batchSize: 10 },
  };
  const config = await writeConfig(settings);
  const json = async (...args: string[]) =>
    JSON.parse((await runCli([...args, '-c', config, '--json'])).stdout);

  const early = await runCli(['retry', '-c', config]);
  expect(early.stderr).toContain('cannot retry: rotation customers-ssn is new');
  expect(early.code).toBe(2);

  const mend = await spoilThree();
  const { old } = await customers.rotateKey();
  expect((await runCli(['run', '-c', config, '--json'])).code).toBe(1);
  const { stdout: shown } = await runCli(['failures', '-c', config]);
  expect(shown).toContain('3 records failed');
  expect(shown).toMatch(/INVALID_ARGUMENT: 2 records\n.*\n {4}\[/);
  expect(shown).toMatch(/BAD_FORMAT: 1 record\n/);
  expect(shown).toContain("'keyturn retry'");

  await mend();
  const { stdout, code } = await runCli(['retry', '-c', config, '--code', 'BAD_FORMAT']);
  expect(stdout).toContain('1 failed record is back in the queue\nstill failed: INVALID_ARGUMENT 2');
  expect(code).toBe(0);
  expect(await json('retry')).toEqual({
    rotation: 'customers-ssn',
    retried: 2,
    code: null,
    state: 'running',
    failed: 0,
  });
  expect(await json('status')).toMatchObject({ remaining: 3, total: records, failuresByCode: {} });

  // The pass is under way again, so its plan is held to, and what differs is named.
  const other = await writeConfig({ ...settings, target: { keyId: 'k1', versionId: old }, format: 'hex' });
  const refused = await runCli(['enqueue', '-c', other]);
  expect(refused.stderr).toContain('the config differs in target, target.versionId and format from the one');
  expect(refused.code).toBe(2);
  const worker = await runCli(['work', '-c', other, '--exit-when-done']);
  expect(worker.stderr).toContain("this worker's config differs in target, target.versionId and format");
  expect(worker.code).toBe(2);

  expect((await runCli(['work', '-c', config, '--exit-when-done'])).code).toBe(0);
  expect(await json('status')).toMatchObject({
    state: 'finished',
    pass: 1,
    total: records,
    rotated: records,
    skipped: 0,
    missing: 0,
    failed: 0,
    remaining: 0,
  });
  expect((await runCli(['verify', '-c', config])).code).toBe(0);
}, 120_000);

test('embedded: the next run goes on with the pass and tries what went back', async () => {
  const config = await writeConfig({
    rotation: 'again',
    broker: `embedded:${(await writeConfig({})).replace(/rotation\.yaml$/, 'broker')}`,
    ...customers.config,
    limits: { rate: 'none', batchSize: 10 },
  });
  const mend = await spoilThree();
  const before = await customers.rotateKey();
  expect((await runCli(['run', '-c', config, '--json'])).code).toBe(1);
  await mend();
  expect((await runCli(['retry', '-c', config])).stdout).toContain('3 failed records are back in the queue');
  const { stdout, code } = await runCli(['run', '-c', config, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    pass: 1,
    rotated: records,
    failed: 0,
    certificate: { verdict: 'safe-to-retire', byVersion: { [before.current]: records } },
  });
  expect(code).toBe(0);
}, 120_000);
