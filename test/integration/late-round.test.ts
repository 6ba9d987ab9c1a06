import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import { startOpaqueKms } from '../support/opaque-kms.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

test('a store that refuses what the census found ends run with exit 3, though the first round was finished', async () => {
  const kms = await startOpaqueKms();
  onTestFinished(() => kms.close());
  const database = await freshDatabase();
  const sql = new pg.Client(database.url);
  await sql.connect();
  // The note of the version is wrong: the pass believes it and writes nothing, and only the census finds out.
  await sql.query('CREATE TABLE accounts (id int PRIMARY KEY, secret bytea, key_version text)');
  for (const id of ['1', '2', '3']) {
    const secret = kms.encrypt(`plain-${id}`, `a/${id}`, 'version-1');
    await sql.query(`INSERT INTO accounts VALUES ($1, $2, 'version-2')`, [id, secret]);
  }
  await sql.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE insufficient_privilege; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION refuse()`);
  await sql.end();

  const key = { keyId: 'k1', aadContext: 'a/{id}' };
  const store = { table: 'accounts', key: ['id'], column: 'secret', versionColumn: 'key_version' };
  const config = await writeConfig({
    rotation: 'refused-late',
    broker: (await freshRedis()).url,
    kms: { provider: 'yandex', endpoint: kms.endpoint, auth: { iamToken: kms.token } },
    source: key,
    target: { ...key, versionId: kms.primary },
    store: { type: 'postgres', url: database.url, ...store },
    format: 'raw',
  });
  const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json']);
  expect(stderr).toContain('the application wrote records under an old version meanwhile');
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'paused',
    skipped: 3,
    rotated: 0,
    certificate: { verdict: 'not-safe', byVersion: { 'version-1': 3 } },
  });
  expect(code).toBe(3);
}, 60_000);
