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
const check = (file: string, publicFile = keys.publicFile) =>
  runCli(['verify-certificate', file, '--public-key', publicFile]);

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
  await writeFile(inFolder('report.json'), JSON.stringify(certificate));
  expect((await check(inFolder('report.json'))).code).toBe(0);

  await writeFile(page, text.replace(`${excluded} rows of`, '0 rows of'));
  const changed = await check(page);
  expect(changed.stdout).toMatch(/^\S+certificate\.md was changed: [^\n]+\n$/);
  expect(changed.code).toBe(1);
});

test('verify signs too; what was changed, is not signed or is by another key ends with 1 and one line', async () => {
  const file = inFolder('certificate.json');
  const args = ['verify', '-c', config, '--deep', '--out', file];
  expect((await runCli(args)).code).toBe(0);
  const unsigned = await check(file);
  expect([unsigned.code, unsigned.stdout]).toEqual([1, expect.stringMatching(/^\S+ is not signed[^\n]+\n$/)]);

  const signed = await runCli([...args, '--sign-key', keys.privateFile]);
  expect(signed.code).toBe(0);
  expect(signed.stdout).toMatch(/signed by key sha256:[0-9a-f]{16}\n/);
  expect((await check(file)).code).toBe(0);
  const stranger = await writeKeyFiles();
  const other = await check(file, stranger.publicFile);
  expect([other.code, other.stdout]).toEqual([1, expect.stringMatching(/^\S+ names another key[^\n]+\n$/)]);

  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"deep": true', '"deep": false'));
  const changed = await runCli(['verify-certificate', file, '--public-key', keys.publicFile, '--json']);
  expect(JSON.parse(changed.stdout)).toMatchObject({ genuine: false, problem: 'changed' });
  expect(changed.code).toBe(1);
});

test('a file that cannot be read, or a key that is none, ends with 2 and says which', async () => {
  const none = await check(inFolder('none.json'));
  expect([none.code, none.stderr]).toEqual([
    2,
    expect.stringMatching(/cannot read \S+none\.json \(ENOENT\)/),
  ]);
  expect((await check(keys.publicFile)).code).toBe(1);
  const privateOne = await check(config, keys.privateFile);
  expect([privateOne.code, privateOne.stderr]).toEqual([2, expect.stringContaining('-pubout')]);
  const noKey = await check(config, config);
  expect([noKey.code, noKey.stderr]).toEqual([2, expect.stringMatching(/^keyturn: --public-key: [^\n]+\n$/)]);
});
