import type { HttpEndpoint } from '../../connection/http.ts';
import { issueFromMetadata } from './metadata.ts';
import { issueByServiceAccountKey, parseServiceAccountKey } from './service-account-key.ts';
import { createStaticTokenSource } from './static-token.ts';
import { createTokenCache, type IssuedToken, type TokenSource } from '../../connection/token-source.ts';
import { createYandexEndpoint } from '../yandex-endpoint.ts';
import { issueByWorkloadIdentity } from './workload-identity.ts';

/** Where IAM tokens come from. Endpoints are base URLs; key and tokens are secrets. */
export type YandexAuth =
  | { readonly kind: 'iamToken'; readonly token: string }
  /** `keyJson`: the content of a service account's key file. */
  | { readonly kind: 'serviceAccountKey'; readonly keyJson: string; readonly iamEndpoint: string }
  | { readonly kind: 'metadata'; readonly metadataEndpoint: string }
  | {
      readonly kind: 'workloadIdentity';
      /** Asked again at each exchange: the projected token file is replaced from time to time. */
      readonly readToken: () => Promise<string>;
      readonly serviceAccountId: string;
      readonly endpoint: string;
    };

export interface TokenConnection {
  readonly caPem: string | undefined;
  readonly timeoutMs: number;
}

/** `usage` fault where a token, key or endpoint is of no use. */
export function createTokenSource(auth: YandexAuth, connection: TokenConnection): TokenSource {
  switch (auth.kind) {
    case 'iamToken':
      return createStaticTokenSource(auth.token);
    case 'serviceAccountKey': {
      const remedy = 'check that the key of kms.auth.serviceAccountKeyFile is still in its service account';
      const key = parseServiceAccountKey(auth.keyJson);
      const endpoint = connect(auth.iamEndpoint, 'kms.auth.iamEndpoint', 'IAM token service', connection);
      return createRefreshingSource(endpoint, issueByServiceAccountKey(endpoint, key, remedy), remedy);
    }
    case 'metadata': {
      const remedy = 'check that the virtual machine has a service account';
      const endpoint = connect(
        auth.metadataEndpoint,
        'kms.auth.metadataEndpoint',
        'metadata service',
        connection,
      );
      return createRefreshingSource(endpoint, issueFromMetadata(endpoint, remedy), remedy);
    }
    case 'workloadIdentity': {
      const remedy =
        'check that the workload identity federation trusts this workload for kms.auth.workloadIdentity';
      const url = auth.endpoint.replace(/\/oauth\/token\/?$/, '');
      const endpoint = connect(
        url,
        'kms.auth.workloadIdentity.endpoint',
        'workload identity service',
        connection,
      );
      return createRefreshingSource(endpoint, issueByWorkloadIdentity(endpoint, auth, remedy), remedy);
    }
  }
}

function connect(url: string, setting: string, name: string, connection: TokenConnection): HttpEndpoint {
  return createYandexEndpoint({ url, setting, name, connections: 1, ...connection });
}

function createRefreshingSource(
  endpoint: HttpEndpoint,
  issue: () => Promise<IssuedToken>,
  remedy: string,
): TokenSource {
  return { ...createTokenCache(issue), remedy, close: () => endpoint.close() };
}
