import { readFile } from 'node:fs/promises';
import type {
  KeyturnConfig,
  VaultKmsConfig,
  VaultAuth as VaultAuthConfig,
  YandexAuthConfig,
  YandexKmsConfig,
} from '../config/keyturn-config.ts';
import type { OnCall } from '../kms/connection/call-with-token.ts';
import type { VaultAuth } from '../kms/vault/client.ts';
import type { YandexAuth } from '../kms/yandex/client.ts';
import type { DataKeyService } from '../rotation/ports/data-key-service.ts';
import type { KeyService } from '../rotation/ports/key-service.ts';
import { readNamedText } from './named-file.ts';

export interface OpenKeys {
  readonly keyService: KeyService;
  /** Null where the provider has none. */
  readonly dataKeys: DataKeyService | null;
}

/** The key service that the config names; its code is loaded now. */
export async function openKeyService(config: KeyturnConfig, onCall: OnCall): Promise<OpenKeys> {
  const { kms } = config;
  switch (kms.provider) {
    case 'yandex':
      return openYandex(kms, config, onCall);
    case 'vault':
      return { keyService: await openVault(kms, config, onCall), dataKeys: null };
  }
}

async function openYandex(
  kms: YandexKmsConfig,
  { limits }: KeyturnConfig,
  onCall: OnCall,
): Promise<OpenKeys> {
  const { createYandexKeyService } = await import('../kms/yandex/client.ts');
  const service = createYandexKeyService({
    ...(await connectionOf(kms, limits)),
    auth: await openYandexAuth(kms.auth),
    onCall,
  });
  return { keyService: service, dataKeys: service };
}

async function openVault(
  kms: VaultKmsConfig,
  { limits }: KeyturnConfig,
  onCall: OnCall,
): Promise<KeyService> {
  const { createVaultKeyService } = await import('../kms/vault/client.ts');
  const { batchSize, rate, rateUnit } = limits;
  // Where the items are what is limited, a call holds a quarter of a second of them: else it would be a
  // burst.
  const itemsPerCall =
    rateUnit === 'items' && rate !== null
      ? Math.min(batchSize, Math.max(1, Math.floor(rate / 4)))
      : batchSize;
  return createVaultKeyService({
    ...(await connectionOf(kms, limits)),
    auth: openVaultAuth(kms.auth),
    mount: kms.mount,
    ...(kms.namespace === null ? {} : { namespace: kms.namespace }),
    itemsPerCall,
    onCall,
  });
}

async function connectionOf(
  { endpoint, caFile, timeoutMs }: KeyturnConfig['kms'],
  { concurrency }: KeyturnConfig['limits'],
): Promise<{ endpoint: string; timeoutMs: number; concurrency: number; caPem?: string }> {
  const connection = { endpoint, timeoutMs, concurrency };
  return caFile === null ? connection : { ...connection, caPem: await readNamedText('kms.caFile', caFile) };
}

async function openYandexAuth(auth: YandexAuthConfig): Promise<YandexAuth> {
  switch (auth.kind) {
    case 'iamToken':
      return { kind: 'iamToken', token: auth.iamToken };
    case 'serviceAccountKey': {
      const keyJson = await readNamedText('kms.auth.serviceAccountKeyFile', auth.keyFile);
      return { kind: 'serviceAccountKey', keyJson, iamEndpoint: auth.iamEndpoint };
    }
    case 'metadata':
      return { kind: 'metadata', metadataEndpoint: auth.metadataEndpoint };
    case 'workloadIdentity': {
      const { tokenFile, serviceAccountId, endpoint } = auth;
      return { kind: 'workloadIdentity', readToken: reader(tokenFile), serviceAccountId, endpoint };
    }
  }
}

function openVaultAuth(auth: VaultAuthConfig): VaultAuth {
  switch (auth.kind) {
    case 'token':
      return auth;
    case 'appRole': {
      const { kind, roleIdFile, secretIdFile, mount } = auth;
      return { kind, readRoleId: reader(roleIdFile), readSecretId: reader(secretIdFile), mount };
    }
    case 'kubernetes': {
      const { kind, role, tokenFile, mount } = auth;
      return { kind, role, readToken: reader(tokenFile), mount };
    }
  }
}

/** Reads a secret anew each time: Kubernetes and agents renew such files in place. */
function reader(file: string): () => Promise<string> {
  return async () => (await readFile(file, 'utf8')).trim();
}
