import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openBroker } from '../../src/cli/open-broker.ts';
import { requireQuiet } from '../../src/cli/require-quiet.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { freshRedis } from '../support/peers.ts';
import { freePort } from '../support/servers.ts';

const records = 300;
const journal = '"acct app".keyturn_journal';
const firstId = '9007199254740993';

let customers: Customers;
let config: string;
let original: unknown[];

async function allRows(): Promise<unknown[]> {
  return (await customers.sql.query(`SELECT * FROM ${customersTable} ORDER BY "Id"`)).rows;
}

async function restoredEntries(): Promise<number> {
  const { rows } = await customers.sql.query<{ count: string }>(
    `SELECT count(*) AS count FROM ${journal} WHERE restored_at IS NOT NULL`,
  );
  return Number(rows[0]?.count);
}

/** As the application does, without a touch to anything else of the row. */
async function writeFirst(value: string): Promise<void> {
  await customers.sql.query(`UPDATE ${customersTable} SET "ssn ""enc""" = $1 WHERE "Id" = ${firstId}`, [
    value,
  ]);
}

beforeAll(async () => {
  customers = await createCustomers(records);
  await customers.rotateKey();
  const { store } = customers.config as { store: object };
  config = await writeConfig({
    rotation: 'undone',
    broker: (await freshRedis()).url,
    ...customers.config,
    store: { ...store, journal: true },
    limits: { rate: 'none', batchSize: 100 },
  });
  original = await allRows();
}, 60_000);
afterAll(() => customers.close());

test('a run with a journal ends safe, and its certificate tells of the old ciphertexts', async () => {
  const { code, stdout } = await runCli(['run', '-c', config, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    rotated: records,
    certificate: {
      verdict: 'safe-to-retire',
      caveats: expect.arrayContaining([expect.stringContaining(journal)]),
    },
  });
  expect(code).toBe(0);
});

test('a rollback killed in its midst goes on where it was, without a KMS, and keeps what was written since', async () => {
  await writeFirst('later');
  const nowhere = { KEYTURN_KMS_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  const killed = startCli(['rollback', '-c', config], { ...nowhere, KEYTURN_LIMITS_BATCH_SIZE: '1' });
  await vi.waitFor(async () => expect(await restoredEntries()).toBeGreaterThan(20), {
    timeout: 20_000,
    interval: 5,
  });
  killed.child.kill('SIGKILL');
  expect((await killed.ended).code).toBeNull();
  // A statement that the server had begun is made, whoever asked for it.
  const done = await restoredEntries();
  expect(done).toBeLessThan(records - 1);

  const { code, stdout } = await runCli(['rollback', '-c', config, '--json'], nowhere);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    rotation: 'undone',
    complete: true,
    changedSince: 1,
    gone: 0,
    locked: 0,
    refused: 0,
    left: [{ ref: JSON.stringify(['it\'s "me"', firstId]), reason: 'changedSince' }],
  });
  expect(report.alreadyRestored).toBeGreaterThanOrEqual(done);
  expect(report.restored + report.alreadyRestored).toBe(records - 1);
  expect(code).toBe(1);
  expect((await allRows()).slice(1)).toEqual(original.slice(1));
}, 60_000);

test('a rollback after which all is as it was ends with 0, and a purge drops entries and table', async () => {
  const { rows } = await customers.sql.query<{ old: string }>(
    `SELECT convert_from(old_value, 'UTF8') AS old FROM ${journal} WHERE ref LIKE '%"${firstId}"]'`,
  );
  await writeFirst(rows[0]?.old ?? '');
  const rollback = await runCli(['rollback', '-c', config]);
  expect(rollback.stdout).toContain(`0 restored, ${records} already restored, 0 changed since`);
  expect(rollback.code).toBe(0);
  expect(await allRows()).toEqual(original);

  const purge = await runCli(['journal', 'purge', '-c', config, '--json']);
  expect(JSON.parse(purge.stdout)).toEqual({ rotation: 'undone', purged: records });
  expect(purge.code).toBe(0);
  expect((await runCli(['journal', 'purge', '-c', config])).stdout).toBe('0 journal entries dropped\n');
}, 60_000);

test('neither is done while a worker may write', async () => {
  const { config: busy } = await loadConfig(config, {});
  const { ledger, close } = await openBroker(busy, () => undefined);
  const worker = { workerId: 'w', callsPerSecond: 5, recordsPerSecond: 5 };
  const refusal = (): Promise<string> =>
    requireQuiet('undone', ledger, 'roll back').then(() => 'none', String);
  try {
    // It is finished, so nothing is in work, whoever is up.
    await ledger.report(worker);
    expect(await refusal()).toBe('none');
    await ledger.begin({
      epoch: 'e',
      pin: { keyId: 'k1', versionId: 'v' },
      planDigest: 'd',
      planParts: { source: 's' },
      estimate: 1,
    });
    expect(await refusal()).toContain("cannot roll back rotation undone: it is running; 'keyturn pause'");
    const { code, stderr } = await runCli(['rollback', '-c', config]);
    expect(stderr).toContain('it is running');
    expect(code).toBe(2);

    await ledger.pause('operator', 'by a test');
    await ledger.report(worker);
    expect(await refusal()).toMatch(/it is paused with \d+ workers up/);
    await ledger.cancel();
    expect(await refusal()).toContain('workers were at work within the last ten seconds');
    await ledger.report({ ...worker, callsPerSecond: 0, recordsPerSecond: 0 });
    await vi.waitFor(async () => expect(await refusal()).toBe('none'), { timeout: 8000 });
  } finally {
    await close();
  }
});
