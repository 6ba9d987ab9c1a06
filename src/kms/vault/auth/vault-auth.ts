import type { TokenSource } from '../../connection/token-source.ts';
import { parseMountPath } from '../mount-path.ts';
import { createVaultEndpoint, type VaultConnection } from '../vault-endpoint.ts';
import { loginByAppRole, loginByKubernetes } from './login.ts';
import { createLoginSource } from './login-source.ts';
import { createStaticTokenSource } from './static-token.ts';
import { createTokenApi } from './token-api.ts';

/**
 * Where tokens come from. Each `read…` is asked again at every login, because files with secrets are replaced
 * from time to time; what it gives is trimmed. `mount`: where the auth method is.
 */
export type VaultAuth =
  | { readonly kind: 'token'; readonly token: string }
  | {
      readonly kind: 'appRole';
      readonly readRoleId: () => Promise<string>;
      readonly readSecretId: () => Promise<string>;
      readonly mount: string;
    }
  | {
      readonly kind: 'kubernetes';
      readonly role: string;
      /** The service account's projected token. */
      readonly readToken: () => Promise<string>;
      readonly mount: string;
    };

/** `usage` fault where a token or mount is of no use. `nowMs`: the clock of the tokens' lives. */
export function createVaultTokenSource(
  auth: VaultAuth,
  connection: VaultConnection,
  nowMs?: () => number,
): TokenSource {
  const endpoint = createVaultEndpoint(connection, 1);
  const api = createTokenApi(endpoint);
  const close = (): Promise<void> => endpoint.close();
  switch (auth.kind) {
    case 'token':
      return { ...createStaticTokenSource(api, auth.token, nowMs), close };
    case 'appRole': {
      const mount = parseMountPath(auth.mount, 'kms.auth.appRole.mount');
      return { ...createLoginSource(api, loginByAppRole(api, mount, auth), nowMs), close };
    }
    case 'kubernetes': {
      const mount = parseMountPath(auth.mount, 'kms.auth.kubernetes.mount');
      return { ...createLoginSource(api, loginByKubernetes(api, mount, auth), nowMs), close };
    }
  }
}
