import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeKeyFiles, type KeyFiles } from '../support/certificate-keys.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import { createCustomers, type Customers } from '../support/customers.ts';
import { freshRedis } from '../support/peers.ts';

const records = 40;
const excluded = 7;
let customers: Customers;
let config: string;
let keys: KeyFiles;
const inFolder = (name: string): string => join(keys.folder, name);
const check = (file: string) => runCli(['verify-certificate', file, '--public-key', keys.publicFile]);

beforeAll(async () => {
  customers = await createCustomers(records);
  await customers.rotateKey();
  keys = await writeKeyFiles();
  const { rows } = await customers.sql.query(
    'SELECT min("Id")::text AS first FROM "acct app"."Weird ""Table"',
  );
  const { store, ...rest } = parts(customers.config);
  config = await writeConfig({
    rotation: 'signed',
    broker: (await freshRedis()).url,
    ...rest,
    store: { ...store, where: `"Id" >= ${BigInt(rows[0].first) + BigInt(excluded)} -- newer ones` },
    limits: { rate: 'none' },
  });
}, 60_000);
afterAll(() => customers.close());

function parts(whole: object): { store: object } {
  return { store: {}, ...whole };
}

test('run signs its certificate and writes it as a page, which the public key alone proves', async () => {
  const page = inFolder('certificate.md');
  const args = ['run', '-c', config, '--json', '--out', page, '--sign-key', keys.privateFile];
  const { code, stdout, stderr } = await runCli(args);
  expect(code, stderr).toBe(0);
  const { certificate } = JSON.parse(stdout);
  expect(certificate).toMatchObject({
    verdict: 'safe-to-retire',
    records: records - excluded,
    excluded: { what: expect.stringContaining('"Id" >= '), records: excluded, exact: true },
    mode: 'rewrap',
    deep: false,
    passes: 1,
    signature: { algorithm: 'Ed25519' },
  });
  const text = await readFile(page, 'utf8');
  expect(text).toMatch(/^# Safe to retire: signed\n/);
  expect(text).toContain(`${excluded} rows of`);

  const genuine = await check(page);
  expect(genuine.stdout).toMatch(/is genuine: rotation signed, safe-to-retire, 33 records/);
  expect(genuine.code).toBe(0);
}, 60_000);

test('verify signs too, and what was edited then ends with 1 and one line', async () => {
  const file = inFolder('certificate.json');
  const args = ['verify', '-c', config, '--deep', '--out', file, '--sign-key', keys.privateFile];
  const { code, stdout, stderr } = await runCli(args);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/signed by key sha256:[0-9a-f]{16}\n/);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"deep": true', '"deep": false'));
  const changed = await check(file);
  expect(changed.stdout).toMatch(/^\S+certificate\.json was changed: [^\n]+\n$/);
  expect(changed.code).toBe(1);
}, 60_000);
