import { onTestFinished } from 'vitest';
import { createVaultKeyService, type VaultKeyServiceOptions } from '../../src/kms/vault/client.ts';
import type { KeyService, ReEncryptItem } from '../../src/rotation/ports/key-service.ts';
import type { KeyServiceFixture } from '../contract/key-service.ts';
import { createVaultAdmin, type VaultAddress, type VaultAdmin } from './vault-admin.ts';
import { startVaultDouble, type VaultDouble, type VaultDoubleOptions } from './vault-double.ts';

export const noAad = new Uint8Array();

export function connectVault(
  { url, token, mount }: VaultAddress,
  options: Partial<VaultKeyServiceOptions> = {},
): KeyService {
  return createVaultKeyService({
    endpoint: url,
    auth: { kind: 'token', token },
    mount,
    timeoutMs: 10_000,
    concurrency: 4,
    itemsPerCall: 500,
    ...options,
  });
}

/**
 * What the contract suite needs of a Vault: a derived key, since only that has contexts, with two versions.
 */
export async function makeVaultFixture(
  address: VaultAddress,
  keyId: string,
  close: (admin: VaultAdmin) => Promise<void>,
): Promise<KeyServiceFixture> {
  const admin = createVaultAdmin(address);
  await admin.createKey(keyId, { derived: true });
  await admin.rotateKey(keyId);
  const service = connectVault(address);
  return {
    service,
    keyId,
    versions: ['1', '2'],
    absentVersionId: '3',
    encrypt: (plaintext, aad, versionId = '0') => admin.encrypt(keyId, plaintext, aad, Number(versionId)),
    decrypt: (ciphertext, aad) => admin.decrypt(keyId, ciphertext, aad),
    async close() {
      await service.close();
      await close(admin);
    },
  };
}

export interface VaultScene {
  readonly vault: VaultDouble;
  readonly service: KeyService;
  readonly admin: VaultAdmin;
  /** A record under version 1 of the key, to bring to version 2. */
  makeItem(change?: Partial<ReEncryptItem>): Promise<ReEncryptItem>;
}

/** A double with one key, `demo`, of two versions, and a key service on it; closed with the test. */
export async function startVault(
  options: Partial<VaultKeyServiceOptions> = {},
  vaultOptions: VaultDoubleOptions = {},
  keyOptions: Readonly<Record<string, unknown>> = {},
): Promise<VaultScene> {
  const vault = await startVaultDouble(vaultOptions);
  onTestFinished(() => vault.close());
  const address = { url: vault.url, token: vault.rootToken, mount: vaultOptions.mount ?? 'transit' };
  const admin = createVaultAdmin(address);
  await admin.createKey('demo', keyOptions);
  await admin.rotateKey('demo');
  const service = connectVault(address, options);
  onTestFinished(() => service.close());
  return {
    vault,
    service,
    admin,
    async makeItem(change = {}) {
      const sourceAad = change.sourceAad ?? noAad;
      const ciphertext =
        change.ciphertext ?? (await admin.encrypt('demo', Buffer.from('secret'), sourceAad, 1));
      const ids = { keyId: 'demo', sourceKeyId: 'demo', versionId: '2' };
      return { ...ids, sourceAad, aad: sourceAad, ciphertext, ...change };
    },
  };
}
