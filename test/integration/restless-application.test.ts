import { expect, onTestFinished, test } from 'vitest';
import pg from 'pg';
import { startApplication } from '../support/application.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import { startOpaqueKms } from '../support/opaque-kms.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

test('an application that never leaves the old version ends run with 1 after three further rounds, and is named', async () => {
  const kms = await startOpaqueKms();
  onTestFinished(() => kms.close());
  const database = await freshDatabase();
  const sql = new pg.Client(database.url);
  await sql.connect();
  await sql.query('CREATE TABLE accounts (id int PRIMARY KEY, secret bytea)');
  const ids = Array.from({ length: 60 }, (_, index) => String(index));
  const write = async (id: string, plaintext: string): Promise<void> => {
    const secret = kms.encrypt(plaintext, `a/${id}`, 'version-1');
    await sql.query(
      'INSERT INTO accounts VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET secret = excluded.secret',
      [id, secret],
    );
  };
  for (const id of ids) await write(id, `plain-${id}`);

  const key = { keyId: 'k1', aadContext: 'a/{id}' };
  const config = await writeConfig({
    rotation: 'restless',
    broker: (await freshRedis()).url,
    kms: { provider: 'yandex', endpoint: kms.endpoint, auth: { iamToken: kms.token } },
    source: key,
    target: { ...key, versionId: kms.primary },
    store: { type: 'postgres', url: database.url, table: 'accounts', key: ['id'], column: 'secret' },
    format: 'raw',
  });
  const application = startApplication(ids, write);
  const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json']);
  await application.stop();
  expect(code, stderr).toBe(1);
  expect(stderr.match(/the application wrote records under an old version meanwhile/g)).toHaveLength(3);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ state: 'finished', failed: 0, certificate: { verdict: 'not-safe' } });
  expect(report.certificate.reasons).toContainEqual(
    expect.stringMatching(/^the application still writes under version version-1: after 3 further passes/),
  );
  const { rows } = await sql.query('SELECT id::text, secret FROM accounts');
  for (const { id, secret } of rows)
    expect(kms.open(secret)?.plaintext).toBe(application.lastWritten.get(id) ?? `plain-${id}`);
  await sql.end();
}, 60_000);
