import { expect, test, vi } from 'vitest';
import { startApplication } from '../support/application.ts';
import { startCli, writeConfig } from '../support/cli.ts';
import { createCustomers, customersTable } from '../support/customers.ts';
import { openLedger } from '../support/open-ledger.ts';
import { freshRedis } from '../support/peers.ts';

test('what the application writes under the old version during the run is found and rotated too', async () => {
  const records = 500;
  const customers = await createCustomers(records);
  const { old, current } = await customers.rotateKey();
  const config = await writeConfig({
    rotation: 'late',
    broker: (await freshRedis()).url,
    ...customers.config,
    limits: { rate: 200, batchSize: 25 },
  });
  const { rows } = await customers.sql.query(`SELECT "Id"::text AS id FROM ${customersTable}`);
  const run = startCli(['run', '-c', config, '--json']);
  const application = startApplication(
    rows.map(({ id }) => id),
    async (id, plaintext) => {
      // As an application does that has cached the version, or a KMS replica that has not caught up.
      const value = await customers.encrypt(id, plaintext, old);
      await customers.sql.query(`UPDATE ${customersTable} SET "ssn ""enc""" = $2 WHERE "Id" = $1`, [
        id,
        value,
      ]);
    },
  );
  // Until most of the pass is done: what it writes then lies under the old version when the pass ends.
  const { ledger, close } = await openLedger(config);
  await vi.waitFor(async () => expect((await ledger.snapshot()).tally.rotated).toBeGreaterThan(records / 2), {
    timeout: 30_000,
    interval: 50,
  });
  await close();
  await application.stop();
  const { code, stdout } = await run.ended;
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    state: 'finished',
    pass: 1,
    failed: 0,
    certificate: { verdict: 'safe-to-retire', records, byVersion: { [current]: records } },
  });
  expect(report.total).toBeGreaterThan(records);
  expect(report.rotated + report.skipped + report.missing).toBe(report.total);
  for (const { id, plaintext } of await customers.decryptAll()) {
    expect(plaintext).toBe(application.lastWritten.get(id) ?? `plain-${id}`);
  }
  await customers.close();
}, 90_000);
