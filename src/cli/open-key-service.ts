import { readFile } from 'node:fs/promises';
import type { KeyturnConfig, KmsAuth } from '../config/keyturn-config.ts';
import {
  createYandexKeyService,
  type YandexAuth,
  type YandexKeyServiceOptions,
} from '../kms/yandex/client.ts';
import type { KeyService } from '../rotation/ports/key-service.ts';
import { readSecretFile } from './secret-file.ts';

/** The key service that the config names. */
export async function openKeyService(
  { kms, limits }: KeyturnConfig,
  onCall: NonNullable<YandexKeyServiceOptions['onCall']>,
): Promise<KeyService> {
  return createYandexKeyService({
    endpoint: kms.endpoint,
    auth: await openAuth(kms.auth),
    ...(kms.caFile === null ? {} : { caPem: await readSecretFile('kms.caFile', kms.caFile) }),
    timeoutMs: kms.timeoutMs,
    concurrency: limits.concurrency,
    onCall,
  });
}

async function openAuth(auth: KmsAuth): Promise<YandexAuth> {
  switch (auth.kind) {
    case 'iamToken':
      return { kind: 'iamToken', token: auth.iamToken };
    case 'serviceAccountKey': {
      const keyJson = await readSecretFile('kms.auth.serviceAccountKeyFile', auth.keyFile);
      return { kind: 'serviceAccountKey', keyJson, iamEndpoint: auth.iamEndpoint };
    }
    case 'metadata':
      return { kind: 'metadata', metadataEndpoint: auth.metadataEndpoint };
    case 'workloadIdentity': {
      const { tokenFile, serviceAccountId, endpoint } = auth;
      // Kubernetes renews the projected token in place, so it is read anew at each exchange.
      const readToken = async (): Promise<string> => (await readFile(tokenFile, 'utf8')).trim();
      return { kind: 'workloadIdentity', readToken, serviceAccountId, endpoint };
    }
  }
}
