import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { VaultAuth } from '../../src/kms/vault/client.ts';
import type { ReEncryptItem } from '../../src/rotation/ports/key-service.ts';
import { keyServiceContract } from '../contract/key-service.ts';
import { createVaultAdmin, type VaultAddress, type VaultAdmin } from '../support/vault-admin.ts';
import { connectVault, makeVaultFixture, noAad } from '../support/vault-service.ts';
import { named } from '../support/named-peer.ts';
import { never, thrownBy } from '../support/yandex-service.ts';

const mount = process.env['VAULT_MOUNT'] ?? 'transit';
const address = { url: named('VAULT_ADDR'), token: named('VAULT_TOKEN'), mount };

keyServiceContract('the Vault at VAULT_ADDR', { changesAad: false }, () => {
  const keyId = newName();
  return makeVaultFixture(address, keyId, (admin) => deleteKey(admin, keyId));
});
describe('the Vault at VAULT_ADDR', () => tryFaults(address));

function newName(): string {
  return `keyturn-${randomUUID()}`;
}

async function deleteKey(admin: VaultAdmin, keyId: string): Promise<void> {
  await admin.call('POST', `${mount}/keys/${keyId}/config`, { deletion_allowed: true });
  await admin.call('DELETE', `${mount}/keys/${keyId}`);
}

const issued = z.object({ auth: z.object({ client_token: z.string() }) });

function tryFaults(address: VaultAddress): void {
  const admin = createVaultAdmin(address);
  const keyId = newName();
  const policy = newName();

  beforeAll(async () => {
    await admin.createKey(keyId);
    await admin.rotateKey(keyId);
    await admin.rotateKey(keyId);
    const rules = `path "${mount}/rewrap/${keyId}" { capabilities = ["update"] }
path "${mount}/keys/${keyId}" { capabilities = ["read"] }`;
    await admin.call('PUT', `sys/policies/acl/${policy}`, { policy: rules });
  });
  afterAll(async () => {
    await deleteKey(admin, keyId);
    await admin.call('DELETE', `sys/policies/acl/${policy}`);
  });

  async function issueToken(options: Readonly<Record<string, unknown>>): Promise<string> {
    return issued.parse(await admin.call('POST', 'auth/token/create', options)).auth.client_token;
  }

  async function makeItem(version = 1): Promise<ReEncryptItem> {
    const ciphertext = await admin.encrypt(keyId, Buffer.from('secret'), noAad, version);
    return { sourceKeyId: keyId, sourceAad: noAad, keyId, versionId: '3', aad: noAad, ciphertext };
  }

  test('lets a token rewrap that may do nothing else', async () => {
    const service = connectVault({
      ...address,
      token: await issueToken({ policies: [policy], no_default_policy: true }),
    });
    expect(await service.currentVersion(keyId)).toBe('3');
    const results = await service.reEncrypt([await makeItem(1), await makeItem(3)], never);
    expect(results).toMatchObject([
      { versionId: '3', sourceVersionId: '1' },
      { versionId: '3', sourceVersionId: '3' },
    ]);
    await service.close();
  });

  test('forbids it to a token without the policy, and to one that is none', async () => {
    for (const token of [await issueToken({ policies: ['default'] }), 'none']) {
      const service = connectVault({ ...address, token });
      const refused = { faultClass: 'rotation', code: 'PERMISSION_DENIED' };
      expect(await thrownBy(service.currentVersion(keyId))).toMatchObject(refused);
      expect(await thrownBy(service.reEncrypt([await makeItem()], never))).toMatchObject(refused);
      await service.close();
    }
  });

  test('renews a token beyond its TTL, until the max TTL ends it', async () => {
    const token = await issueToken({ policies: ['default', policy], ttl: '2s', explicit_max_ttl: '6s' });
    const service = connectVault({ ...address, token });
    const startMs = performance.now();
    const failed = await thrownBy(
      (async () => {
        while (performance.now() - startMs < 10_000) await service.currentVersion(keyId);
      })(),
    );
    expect(performance.now() - startMs).toBeGreaterThan(4000);
    expect(failed).toMatchObject({ faultClass: 'rotation', code: 'TOKEN_EXPIRED' });
    await service.close();
  });

  test('logs in by AppRole anew before the max TTL ends a token', async () => {
    const path = newName();
    await admin.call('POST', `sys/auth/${path}`, { type: 'approle' });
    try {
      const role = { token_policies: policy, token_ttl: '2s', token_max_ttl: '3s' };
      await admin.call('POST', `auth/${path}/role/keyturn`, role);
      const data = z.object({
        data: z.object({ role_id: z.string().optional(), secret_id: z.string().optional() }),
      });
      const roleId = data.parse(await admin.call('GET', `auth/${path}/role/keyturn/role-id`)).data.role_id;
      const secret = data.parse(await admin.call('POST', `auth/${path}/role/keyturn/secret-id`, {}));
      const auth: VaultAuth = {
        kind: 'appRole',
        readRoleId: async () => roleId ?? '',
        readSecretId: async () => secret.data.secret_id ?? '',
        mount: path,
      };
      const service = connectVault(address, { auth });
      const endMs = performance.now() + 6000;
      while (performance.now() < endMs) expect(await service.currentVersion(keyId)).toBe('3');
      await service.close();
      const wrong = connectVault(address, { auth: { ...auth, readSecretId: async () => 'wrong' } });
      expect(await thrownBy(wrong.currentVersion(keyId))).toMatchObject({ code: 'TOKEN_REFUSED' });
      await wrong.close();
    } finally {
      await admin.call('DELETE', `sys/auth/${path}`);
    }
  });

  test('names what is wrong with an item, the pin, the key and the mount', async () => {
    const service = connectVault(address);
    const item = await makeItem();
    const rubbish = ['rubbish', 'vault:v1:AAAA', 'vault:v9:AAAA'].map((each) => Buffer.from(each));
    const results = await service.reEncrypt(
      [...rubbish, item.ciphertext].map((ciphertext) => ({ ...item, ciphertext })),
      never,
    );
    expect(results).toMatchObject([
      { code: 'BAD_CIPHERTEXT' },
      { code: 'BAD_CIPHERTEXT' },
      { code: 'VERSION_NOT_FOUND' },
      { versionId: '3' },
    ]);
    await admin.call('POST', `${mount}/keys/${keyId}/config`, { min_encryption_version: 3 });
    const onTwo = { ...item, versionId: '2' };
    const notUsable = { faultClass: 'rotation', code: 'VERSION_NOT_USABLE' };
    expect(await thrownBy(service.reEncrypt([onTwo], never))).toMatchObject(notUsable);
    expect(await thrownBy(service.currentVersion(keyId, '2'))).toMatchObject(notUsable);
    await admin.call('POST', `${mount}/keys/${keyId}/config`, { min_decryption_version: 2 });
    expect(await service.reEncrypt([item], never)).toMatchObject([
      { faultClass: 'record', code: 'VERSION_NOT_USABLE' },
    ]);
    await service.close();
    const elsewhere = connectVault({ ...address, mount: 'no/such/mount' });
    expect(await thrownBy(elsewhere.currentVersion(keyId))).toMatchObject({
      faultClass: 'rotation',
      code: 'NOT_FOUND',
    });
    await elsewhere.close();
  });

  test('refuses keys that cannot rewrap, and says which ciphertext of an RSA key is bad', async () => {
    const service = connectVault(address);
    const [signing, rsa] = [newName(), newName()];
    await admin.createKey(signing, { type: 'ed25519' });
    await admin.createKey(rsa, { type: 'rsa-2048' });
    try {
      const fault = await thrownBy(service.currentVersion(signing));
      expect(fault).toMatchObject({ faultClass: 'rotation', code: 'KEY_NOT_USABLE' });
      const ids = { keyId: rsa, sourceKeyId: rsa, versionId: '1', sourceAad: noAad, aad: noAad };
      const good = { ...ids, ciphertext: await admin.encrypt(rsa, Buffer.from('secret'), noAad) };
      const bad = { ...ids, ciphertext: Buffer.from(`vault:v1:${Buffer.alloc(256, 1).toString('base64')}`) };
      expect(await service.reEncrypt([good], never)).toMatchObject([{ versionId: '1' }]);
      expect(await thrownBy(service.reEncrypt([good, bad], never))).toMatchObject({
        faultClass: 'record',
        code: 'BAD_CIPHERTEXT',
      });
    } finally {
      await service.close();
      await deleteKey(admin, signing);
      await deleteKey(admin, rsa);
    }
  });

  test('takes no request beyond its size, and says so', async () => {
    const service = connectVault(address);
    const huge = { ...(await makeItem(3)), ciphertext: Buffer.alloc(40_000_000, 'x') };
    expect(await thrownBy(service.reEncrypt([huge], never))).toMatchObject({
      faultClass: 'record',
      code: 'REQUEST_TOO_LARGE',
    });
    await service.close();
  });
}
