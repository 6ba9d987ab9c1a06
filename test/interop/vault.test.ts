import { randomUUID } from 'node:crypto';
import { test } from 'vitest';
import { keyServiceContract } from '../contract/key-service.ts';
import type { VaultAdmin } from '../support/vault-admin.ts';
import { makeVaultFixture } from '../support/vault-service.ts';

const url = process.env['VAULT_ADDR'];
const token = process.env['VAULT_TOKEN'];
const mount = process.env['VAULT_MOUNT'] ?? 'transit';

async function deleteKey(admin: VaultAdmin, keyId: string): Promise<void> {
  await admin.call('POST', `${mount}/keys/${keyId}/config`, { deletion_allowed: true });
  await admin.call('DELETE', `${mount}/keys/${keyId}`);
}

if (url === undefined || token === undefined) {
  process.stderr.write('SKIPPED: interop with Vault; set VAULT_ADDR and VAULT_TOKEN of a server to run it\n');
  test.skip('interop with Vault, since VAULT_ADDR and VAULT_TOKEN name no server', () => {});
} else {
  const address = { url, token, mount };
  keyServiceContract(`the Vault at VAULT_ADDR`, { changesAad: false }, () => {
    const keyId = `keyturn-${randomUUID()}`;
    return makeVaultFixture(address, keyId, (admin) => deleteKey(admin, keyId));
  });
}
