import { describe, expect, test } from 'vitest';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import type { FormatSpec } from '../../src/rotation/formats/format.ts';
import { processBatch } from '../../src/worker/process-batch.ts';
import { createRewrapValues } from '../../src/rotation/calls/rewrap-values.ts';
import { createProveRewrapped } from '../../src/rotation/calls/prove-rewrapped.ts';
import { createGoal } from '../../src/rotation/goal.ts';
import { parseAadTemplate } from '../../src/rotation/aad-template.ts';
import type { KeyService } from '../../src/rotation/ports/key-service.ts';
import { badFormatOf } from '../support/bytes.ts';
import { batchOf, createCore } from '../support/core.ts';
import { primaryOf, startTestEmulator } from '../support/emulator-client.ts';
import { sealEnvelope } from '../support/memory-data-keys.ts';
import { lengthsOf, mutationsOf, type Mutation } from '../support/mutations.ts';
import { startVault } from '../support/vault-service.ts';
import { connectYandex, never } from '../support/yandex-service.ts';

interface Scene {
  readonly service: KeyService;
  readonly keyId: string;
  readonly versionId: string;
  /** Of the record with this id. */
  encrypt(id: string): Promise<Uint8Array>;
}

/** Works records with these values beside two good ones, and gives the code of each bad one. */
async function codesOf(scene: Scene, bad: readonly Mutation[]): Promise<Map<string, string>> {
  const { service, keyId, versionId, encrypt } = scene;
  const core = createCore();
  const calls = { ...core.calls, keyService: service };
  const use = { keyId, aad: parseAadTemplate('customer/{id}') };
  for (const id of ['first', 'last']) core.store.rows.set(id, { value: await encrypt(id), keyVersion: null });
  for (const { name, bytes } of bad) core.store.rows.set(name, { value: bytes, keyVersion: null });
  const deps = {
    ...core.deps,
    goal: createGoal(use, use, versionId),
    keyService: service,
    renewValues: createRewrapValues(calls),
    writeCheck: { ...core.deps.writeCheck, share: 1, proveReadable: createProveRewrapped(calls) },
  };
  const before = new Map(core.store.rows);
  const refs = [...core.store.rows.keys()];
  const { account, stoppedBy } = await processBatch(batchOf(refs), null, deps, never);
  expect([stoppedBy, account.left.size]).toEqual([null, 0]);
  expect(account.tally()).toMatchObject({ rotated: 2, failed: bad.length });
  for (const { name } of bad) expect(core.store.rows.get(name)).toBe(before.get(name));
  expect(core.checked).toEqual(['readable', 'readable']);
  return new Map(account.failures().map(({ ref, code }) => [ref, code]));
}

test('a damaged ciphertext of Yandex KMS is set aside by itself, and stays as it is', async () => {
  const { emulator, client } = await startTestEmulator({ keys: ['key-1'] });
  const service = connectYandex(emulator.endpoint, { auth: { kind: 'iamToken', token: emulator.token } });
  const versionId = primaryOf(emulator, 'key-1');
  // Under the old version, all of it, so that no header says that there is nothing to do.
  const encrypt = async (id: string): Promise<Uint8Array> => {
    const aad = Buffer.from(`customer/${id}`);
    const request = { keyId: 'key-1', versionId, aad, plaintext: Buffer.from('secret') };
    return (await service.encrypt(request)).ciphertext;
  };
  const old = await encrypt('it');
  await client.post('/kms/v1/keys/key-1:rotate', {});
  const bad = [
    ...mutationsOf(old, 64),
    ...lengthsOf(old, [0, 4, 28, 48]),
    { name: 'of another record: the wrong AAD', bytes: Buffer.from(old) },
    { name: 'one in another', bytes: Buffer.concat([old.subarray(0, 64), old]) },
  ];
  const pin = primaryOf(emulator, 'key-1');
  expect(pin).not.toBe(versionId);
  const codes = await codesOf({ service, keyId: 'key-1', versionId: pin, encrypt }, bad);
  for (const { name, bytes } of bad)
    expect([name, codes.get(name)]).toEqual([name, bytes.length === 0 ? 'BAD_FORMAT' : 'INVALID_ARGUMENT']);
});

test('a damaged ciphertext of Vault is set aside by itself, and stays as it is', async () => {
  const { service, admin } = await startVault({}, {}, { derived: true });
  const encrypt = (id: string): Promise<Uint8Array> =>
    admin.encrypt('demo', Buffer.from('secret'), Buffer.from(`customer/${id}`), 1);
  const old = await encrypt('it');
  const rest = Buffer.from(old.subarray('vault:v1:'.length)).toString();
  const versions = ['4294967295', '99999999999999999999', '-1', '+1', '1.0', '0x1', ' 1', ''].map(
    (version) => ({
      name: `version ${JSON.stringify(version)}`,
      bytes: Buffer.from(`vault:v${version}:${rest}`),
    }),
  );
  const bad = [
    ...mutationsOf(old, 'vault:v1:'.length),
    ...versions,
    { name: 'of another record: the wrong context', bytes: Buffer.from(old) },
    { name: 'two prefixes', bytes: Buffer.concat([Buffer.from('vault:v1:'), old]) },
  ];
  const codes = await codesOf({ service, keyId: 'demo', versionId: '2', encrypt }, bad);
  const allowed = ['BAD_FORMAT', 'BAD_CIPHERTEXT', 'VERSION_NOT_FOUND', 'VERSION_NOT_USABLE', 'NOT_TEXT'];
  for (const { name } of bad)
    expect([name, allowed]).toEqual([name, expect.arrayContaining([codes.get(name)])]);
  expect(codes.get('version "4294967295"')).toBe('VERSION_NOT_FOUND');
  expect(codes.get('of another record: the wrong context')).toBe('BAD_CIPHERTEXT');
});

describe('a value whose lengths lie is BAD_FORMAT, and takes no memory', () => {
  const wrapped = Buffer.from(sealEnvelope('v1', 'c/1', 'plain'));
  const tink = Buffer.concat([Buffer.from([0, 0, 0, 5]), Buffer.from('wrapp'), Buffer.from('payload')]);
  const prefixed = Buffer.concat([Buffer.from([1, 0, 0, 0, 7]), tink]);
  const asBase64 = ({ name, bytes }: Mutation): Mutation => ({
    name,
    bytes: Buffer.from(bytes.toString('base64')),
  });
  const scenes: readonly (readonly [FormatSpec, Mutation[]])[] = [
    ['envelope', lengthsOf(wrapped, [0])],
    ['tink', lengthsOf(tink, [0])],
    ['tink', lengthsOf(prefixed, [5])],
    [{ encoding: 'base64', format: 'envelope' }, lengthsOf(wrapped, [0]).map(asBase64)],
    [['envelope', { prefix: 'kms:', format: 'base64' }], lengthsOf(wrapped, [0])],
  ];
  test.each(scenes)('%j', (spec, values) => {
    const format = createFormat(spec);
    for (const { bytes } of values) expect(badFormatOf(() => format.open(bytes))).not.toBe('');
  });
});
