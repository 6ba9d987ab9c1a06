import { keyServiceContract } from '../../contract/key-service.ts';
import { startVaultDouble } from '../../support/vault-double.ts';
import { makeVaultFixture } from '../../support/vault-service.ts';

keyServiceContract('Vault transit, as a double', { changesAad: false }, async () => {
  const vault = await startVaultDouble();
  const address = { url: vault.url, token: vault.rootToken, mount: 'transit' };
  return makeVaultFixture(address, 'demo', () => vault.close());
});
