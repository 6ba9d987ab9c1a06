import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { freshRedis } from '../support/peers.ts';
import { freePort } from '../support/servers.ts';

const records = 600;
const journal = '"acct app".keyturn_journal';

let customers: Customers;
let config: string;
let original: unknown[];

async function configWith(more: object): Promise<string> {
  const { store } = customers.config as { store: object };
  return writeConfig({
    rotation: 'undone',
    ...customers.config,
    store: { ...store, journal: true },
    limits: { rate: 'none', batchSize: 100 },
    ...more,
  });
}

async function allRows(): Promise<unknown[]> {
  return (await customers.sql.query(`SELECT * FROM ${customersTable} ORDER BY "Id"`)).rows;
}

async function restoredEntries(): Promise<number> {
  const { rows } = await customers.sql.query<{ count: string }>(
    `SELECT count(*) AS count FROM ${journal} WHERE restored_at IS NOT NULL`,
  );
  return Number(rows[0]?.count);
}

beforeAll(async () => {
  customers = await createCustomers(records);
  await customers.rotateKey();
  config = await configWith({ broker: (await freshRedis()).url });
  original = await allRows();
}, 60_000);
afterAll(() => customers.close());

test('a run with a journal ends safe, and its certificate tells of the old ciphertexts', async () => {
  expect((await runCli(['check', '-c', config])).stdout).toContain(`${records} records, journal on`);
  const { code, stdout } = await runCli(['run', '-c', config, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    rotated: records,
    certificate: { verdict: 'safe-to-retire', caveats: [expect.stringContaining(journal)] },
  });
  expect(code).toBe(0);
});

test('a rollback that is killed in its midst goes on where it was, without a KMS', async () => {
  const nowhere = { KEYTURN_KMS_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  const killed = startCli(['rollback', '-c', config], { ...nowhere, KEYTURN_LIMITS_BATCH_SIZE: '1' });
  await vi.waitFor(async () => expect(await restoredEntries()).toBeGreaterThan(20), {
    timeout: 20_000,
    interval: 5,
  });
  killed.child.kill('SIGKILL');
  expect((await killed.ended).code).toBeNull();
  const done = await restoredEntries();
  expect(done).toBeLessThan(records);

  const { code, stdout } = await runCli(['rollback', '-c', config, '--json'], nowhere);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ rotation: 'undone', complete: true, changedSince: 0, gone: 0, left: [] });
  expect(report.alreadyRestored).toBeGreaterThanOrEqual(done);
  expect(report.restored + report.alreadyRestored).toBe(records);
  expect(code).toBe(0);
  expect(await allRows()).toEqual(original);
}, 60_000);

test('what the application wrote after the rotation is kept, listed, and makes the exit code 1', async () => {
  expect((await runCli(['run', '-c', config])).code).toBe(0);
  await customers.sql.query(
    `UPDATE ${customersTable} SET "ssn ""enc""" = 'later' WHERE "Id" = 9007199254740993`,
  );
  const { code, stdout } = await runCli(['rollback', '-c', config]);
  // The entries of the first run were restored before.
  expect(stdout).toContain(`${records - 1} restored, ${records} already restored, 1 changed since, 0 gone`);
  expect(stdout).toContain('["it\'s \\"me\\"","9007199254740993"]  changed since, and kept as it is');
  expect(code).toBe(1);
  expect((await allRows()).slice(1)).toEqual(original.slice(1));
});

test('a purge drops all entries and the table, and has nothing to do the second time', async () => {
  const first = await runCli(['journal', 'purge', '-c', config, '--json']);
  expect(JSON.parse(first.stdout)).toEqual({ rotation: 'undone', purged: 2 * records });
  expect(first.code).toBe(0);
  expect((await runCli(['journal', 'purge', '-c', config])).stdout).toBe('0 journal entries dropped\n');
  const { code, stderr } = await runCli(['rollback', '-c', config]);
  expect(stderr).toContain(`there is no ${journal}`);
  expect(code).toBe(2);
});

test('neither is done while the rotation runs, or is paused with a worker up', async () => {
  const running = await configWith({
    rotation: 'busy',
    broker: (await freshRedis()).url,
    limits: { rate: 5, batchSize: 10 },
  });
  const worker = startCli(['work', '-c', running]);
  expect((await runCli(['enqueue', '-c', running])).code).toBe(0);
  for (const command of [['rollback'], ['journal', 'purge']]) {
    const { code, stderr } = await runCli([...command, '-c', running]);
    expect(stderr).toMatch(/cannot .* rotation busy: it is running; 'keyturn pause'/);
    expect(code).toBe(2);
  }
  await vi.waitFor(async () =>
    expect((await customers.sql.query(`SELECT FROM ${journal} LIMIT 1`)).rowCount).toBe(1),
  );
  await runCli(['pause', '-c', running]);
  const paused = await runCli(['rollback', '-c', running]);
  expect(paused.stderr).toContain('it is paused with 1 workers up');
  expect(paused.code).toBe(2);
  worker.child.kill('SIGKILL');
  await worker.ended;
}, 60_000);
