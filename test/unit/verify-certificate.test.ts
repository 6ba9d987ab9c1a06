import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyCertificate } from '../../src/cli/commands/verify-certificate.ts';
import { prepareToKeep } from '../../src/cli/keep-certificate.ts';
import { certify } from '../../src/rotation/certificate.ts';
import { safeParts } from '../support/certificate-parts.ts';
import { writeKeyFiles, type KeyFiles } from '../support/certificate-keys.ts';

let keys: KeyFiles;
let stranger: KeyFiles;
beforeAll(async () => {
  [keys, stranger] = await Promise.all([writeKeyFiles(), writeKeyFiles()]);
});
afterAll(() => {
  for (const { folder } of [keys, stranger]) rmSync(folder, { recursive: true });
});

/** Signs and writes a certificate as the commands do; gives the file. */
async function keep(name: string, signKey?: string): Promise<string> {
  const out = join(keys.folder, name);
  const keeping = await prepareToKeep({ out, signKey });
  await keeping.write(keeping.sign(certify(safeParts)));
  return out;
}

/** The exit code, and the line that a person reads. */
async function check(file: string, publicKey = keys.publicFile): Promise<[number, string]> {
  let line = '';
  const output = { line: () => undefined, result: (_: object, text: () => string) => void (line = text()) };
  const code = await verifyCertificate(file, { publicKey }, output);
  return [code, line];
}

test('what was signed and not touched since ends with 0, as JSON and as a page, with its verdict', async () => {
  const file = await keep('safe.json', keys.privateFile);
  expect(await check(file)).toEqual([0, expect.stringMatching(/is genuine: .* safe-to-retire/)]);
  // The tool that made it is not this one, which cannot tell of its pages.
  const page = await keep('safe.MD', keys.privateFile);
  expect(readFileSync(page, 'utf8')).toMatch(/^# Safe to retire/);
});

test('what was changed, is unsigned, by another key or no certificate ends with 1 and one line', async () => {
  const file = await keep('changed.json', keys.privateFile);
  expect(await check(file, stranger.publicFile)).toEqual([1, expect.stringContaining('names another key')]);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"records": 1000', '"records": 1001'));
  expect(await check(file)).toEqual([1, expect.stringContaining('was changed')]);
  expect(await check(await keep('unsigned.json'))).toEqual([1, expect.stringContaining('is not signed')]);
  expect(await check(keys.publicFile)).toEqual([1, expect.stringContaining('is no certificate')]);
});

test.each([
  ['a certificate that is not there', () => check('none.json'), 'FILE_UNREADABLE'],
  ['a folder', () => check(keys.folder), 'FILE_UNREADABLE'],
  ['a public key that is not there', () => check('none.json', 'none.pem'), 'FILE_UNREADABLE'],
  ['a private key in place of the public one', () => check('none.json', keys.privateFile), 'BAD_PUBLIC_KEY'],
  ['a public key to sign with', () => keep('none.json', keys.publicFile), 'BAD_SIGN_KEY'],
  ['a key to sign with that is not there', () => keep('none.json', 'none.pem'), 'FILE_UNREADABLE'],
])('%s is a fault of usage', async (_what, step, code) => {
  await expect(step()).rejects.toMatchObject({ faultClass: 'usage', code });
});

test('a key file that is wrong is told before the file for the certificate is touched', async () => {
  await expect(keep('untouched.json', keys.publicFile)).rejects.toMatchObject({ code: 'BAD_SIGN_KEY' });
  expect(() => readFileSync(join(keys.folder, 'untouched.json'))).toThrow('ENOENT');
});
