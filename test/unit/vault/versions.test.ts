import { describe, expect, test } from 'vitest';
import { createTransitKey, type TransitKey } from '../../support/vault-transit.ts';
import { startVault } from '../../support/vault-service.ts';
import { never, thrownBy } from '../../support/yandex-service.ts';

/** What the double holds as `demo`, to be set as a test needs it. */
async function startWithKey(change: Partial<TransitKey>) {
  const scene = await startVault();
  const key = {
    ...createTransitKey(),
    versions: [1, 2, 3].flatMap(() => createTransitKey().versions),
    ...change,
  };
  scene.vault.keys.set('demo', key);
  return scene;
}

describe('the version to pin', () => {
  test('is the latest, or the one that is asked for', async () => {
    const { service } = await startWithKey({});
    expect(await service.currentVersion('demo')).toBe('3');
    expect(await service.currentVersion('demo', '2')).toBe('2');
  });

  test.each([
    ['a version that is not there', '4', {}, 'VERSION_NOT_FOUND'],
    ['a version that encrypts no more', '2', { minEncryptionVersion: 3 }, 'VERSION_NOT_USABLE'],
    ['a version that decrypts no more', '1', { minDecryptionVersion: 2 }, 'VERSION_NOT_USABLE'],
    ['a key that only signs', undefined, { type: 'ed25519' }, 'KEY_NOT_USABLE'],
    ['a key that is deleted softly', undefined, { softDeleted: true }, 'KEY_NOT_USABLE'],
    ['version 0', '0', {}, 'BAD_ID'],
    ['a version with a leading zero', '01', {}, 'BAD_ID'],
    ['a version of another provider', 'abj1', {}, 'BAD_ID'],
  ])('%s stops the rotation in words', async (_, versionId, change, code) => {
    const { service } = await startWithKey(change);
    const fault = await thrownBy(service.currentVersion('demo', versionId));
    expect(fault).toMatchObject({ faultClass: 'rotation', code, peer: 'kms' });
  });

  test.each([
    ['only read the key', /^transit\/keys\//],
    ['only rewrap', /^transit\/rewrap\//],
  ])('is not given to a token that may %s', async (_, allow) => {
    const { vault } = await startVault();
    const token = vault.tokens.issue({ allow });
    const { service } = await startVault({ endpoint: vault.url, auth: { kind: 'token', token } });
    const fault = await thrownBy(service.currentVersion('demo'));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'PERMISSION_DENIED' });
    expect(fault.message).toContain('update on transit/rewrap/demo and read on transit/keys/demo');
  });

  test('is given to a token that may read the key and rewrap, nothing else', async () => {
    const { vault } = await startVault();
    const token = vault.tokens.issue({ allow: /^transit\/(keys|rewrap)\/demo$/ });
    const { service } = await startVault({ endpoint: vault.url, auth: { kind: 'token', token } });
    expect(await service.currentVersion('demo')).toBe('2');
  });
});

describe('the version of a ciphertext', () => {
  test('is read by the template of the key, once that is known', async () => {
    const { vault, service, admin, makeItem } = await startVault();
    const key = createTransitKey({ versionTemplate: 'kv/{{version}}/' });
    vault.keys.set('demo', { ...key, versions: [...key.versions, ...createTransitKey().versions] });
    const ciphertext = await admin.encrypt('demo', Buffer.from('x'), new Uint8Array(), 1);
    expect(service.readVersion(ciphertext)).toBeNull();
    await service.currentVersion('demo');
    expect(service.readVersion(ciphertext)).toBe('1');
    expect(await service.reEncrypt([await makeItem({ ciphertext })], never)).toMatchObject([
      { versionId: '2', sourceVersionId: '1' },
    ]);
  });

  test('counts from 1 where a very old ciphertext counts from 0, which is no hint offline', async () => {
    const { service, makeItem } = await startVault();
    const { ciphertext } = await makeItem();
    const old = Buffer.from(Buffer.from(ciphertext).toString().replace('vault:v1:', 'vault:v0:'));
    expect(service.readVersion(old)).toBeNull();
    const [result] = await service.reEncrypt([await makeItem({ ciphertext: old })], never);
    expect(result).toMatchObject({ versionId: '2', sourceVersionId: '1' });
  });
});
