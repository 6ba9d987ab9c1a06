import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { startApplication } from '../support/application.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { createVaultAdmin, type VaultAdmin } from '../support/vault-admin.ts';
import { sealed, startVaultDouble, type VaultDouble } from '../support/vault-double.ts';

const records = 450;
const noContext = new Uint8Array();

let vault: VaultDouble;
let admin: VaultAdmin;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let sql: pg.Pool;
let broker: Awaited<ReturnType<typeof freshRedis>>;

beforeEach(async () => {
  vault = await startVaultDouble();
  admin = createVaultAdmin({ url: vault.url, token: vault.rootToken, mount: 'transit' });
  await admin.createKey('app');
  database = await freshDatabase();
  broker = await freshRedis();
  sql = new pg.Pool({ connectionString: database.url, max: 4 });
  sql.on('error', () => undefined);
});
afterEach(async () => {
  await sql.end();
  await database.drop();
  await broker.flush();
  await vault.close();
});

const rewrapBody = z.object({ batch_input: z.array(z.unknown()) });

/** How many items each rewrap of the transit engine had. */
function itemsPerCall(): number[] {
  return vault.received
    .filter(({ path }) => path.includes('/rewrap/'))
    .map(({ body }) => rewrapBody.parse(JSON.parse(body)).batch_input.length);
}

async function writeRotation(format: unknown, limits: object = {}): Promise<string> {
  const key = { keyId: 'app' };
  return writeConfig({
    rotation: 'transit',
    broker: broker.url,
    kms: { provider: 'vault', endpoint: vault.url, auth: { token: vault.rootToken } },
    source: key,
    target: key,
    store: { type: 'postgres', url: database.url, table: 'secrets', key: ['id'], column: 'value' },
    format,
    limits: { rate: 'none', batchSize: 150, ...limits },
  });
}

async function insert(type: 'text' | 'bytea', values: readonly Uint8Array[]): Promise<void> {
  await sql.query(`CREATE TABLE secrets (id int PRIMARY KEY, value ${type} NOT NULL)`);
  await sql.query(
    `INSERT INTO secrets SELECT id, ${type === 'text' ? "convert_from(decode(value, 'base64'), 'UTF8')" : "decode(value, 'base64')"}
       FROM unnest($1::text[]) WITH ORDINALITY AS seeds (value, id)`,
    [values.map((value) => Buffer.from(value).toString('base64'))],
  );
}

test('text under version 1 comes under version 2 while an application writes, in calls of many items', async () => {
  const values = [];
  for (let id = 1; id <= records; id += 1)
    values.push(await admin.encrypt('app', Buffer.from(`plain-${id}`), noContext));
  await insert('text', values);
  await admin.rotateKey('app');

  const ids = Array.from({ length: records }, (_, index) => String(index + 1));
  const application = startApplication(ids, async (id, plaintext) => {
    const value = await admin.encrypt('app', Buffer.from(plaintext), noContext, 1);
    await sql.query('UPDATE secrets SET value = $2 WHERE id = $1', [id, value.toString()]);
  });
  // It writes through a part of the pass and never outlasts it: after the first call Vault is sealed until it stops.
  let atFirst: number | undefined;
  vault.instead = ({ path }) => {
    if (!path.includes('/rewrap/') || itemsPerCall().at(-1) === 1) return null;
    if (atFirst === undefined) {
      atFirst = application.writes();
      return null;
    }
    if (application.writes() < atFirst + 50) return sealed;
    void application.stop();
    return null;
  };
  const { code, stdout, stderr } = await runCli([
    'run',
    '-c',
    await writeRotation('text'),
    '--json',
    '--deep',
  ]);
  await application.stop();
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    failed: 0,
    certificate: { verdict: 'safe-to-retire', records, byVersion: { '2': records } },
  });
  expect(Math.max(...itemsPerCall())).toBe(150);
  for (const secret of [vault.rootToken, 'vault:v', 'plain-', 'written-'])
    expect(stdout + stderr).not.toContain(secret);

  const { rows } = await sql.query<{ id: number; value: string }>('SELECT id, value FROM secrets');
  for (const { id, value } of rows) {
    expect(value).toMatch(/^vault:v2:/);
    const plaintext = await admin.decrypt('app', Buffer.from(value), noContext);
    expect(plaintext.toString()).toBe(application.lastWritten.get(String(id)) ?? `plain-${id}`);
  }
}, 60_000);

test('Tink envelopes keep their payload, and a wrapped key that thousands share costs one item', async () => {
  const wrapped = await Promise.all(
    [1, 2, 3].map((number) => admin.encrypt('app', Buffer.from(`data key ${number}`), noContext)),
  );
  const values = Array.from({ length: records }, (_, index) =>
    tinkEnvelope(wrapped[index % 3] ?? noContext, Buffer.from(`payload of ${index}`)),
  );
  await insert('bytea', values);
  await admin.rotateKey('app');

  const { code, stdout, stderr } = await runCli(['run', '-c', await writeRotation('tink'), '--json']);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    rotated: records,
    certificate: { byVersion: { '2': records } },
  });
  // Beside the samples of the census, and the probe at the start: each key once, in whichever batch is first.
  expect(itemsPerCall().length).toBeLessThan(12);
  const { rows } = await sql.query<{ id: number; value: Buffer }>(
    'SELECT id, value FROM secrets ORDER BY id',
  );
  for (const { id, value } of rows) {
    const length = value.readUInt32BE(0);
    expect(value.subarray(4 + length).toString()).toBe(`payload of ${id - 1}`);
    const dataKey = await admin.decrypt('app', value.subarray(4, 4 + length), noContext);
    expect(dataKey.toString()).toBe(`data key ${((id - 1) % 3) + 1}`);
  }
}, 60_000);

test('where the rate counts items, a call holds a quarter of a second of them', async () => {
  const values = await Promise.all(
    Array.from({ length: 120 }, (_, index) => admin.encrypt('app', Buffer.from(`plain-${index}`), noContext)),
  );
  await insert('text', values);
  await admin.rotateKey('app');
  const config = await writeRotation('text', { rate: 200, rateUnit: 'items' });
  const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json'], {});
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ rotated: 120, certificate: { verdict: 'safe-to-retire' } });
  expect(Math.max(...itemsPerCall())).toBe(50);
}, 60_000);

test('check says what the transit engine lacks, and a refused token ends it with 3', async () => {
  await insert('text', [await admin.encrypt('app', Buffer.from('plain'), noContext)]);
  const config = await writeRotation('text');
  const ready = await runCli(['check', '-c', config]);
  expect(ready.code, ready.stdout).toBe(0);
  expect(ready.stdout).toMatch(/kms +ok +vault at http:.*; key app encrypts under 1$/m);
  vault.tokens.revoke(vault.rootToken);
  const refused = await runCli(['check', '-c', config]);
  expect(refused.code).toBe(3);
  expect(refused.stdout).toMatch(/^kms +FAILED/m);
});

/** As Google Tink's KmsEnvelopeAead writes it. */
function tinkEnvelope(wrappedKey: Uint8Array, payload: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(wrappedKey.length);
  return Buffer.concat([length, wrappedKey, payload]);
}
