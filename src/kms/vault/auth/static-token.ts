import { Fault } from '../../../rotation/faults.ts';
import { createTokenCache, headerSafeToken, type TokenSource } from '../../connection/token-source.ts';
import type { TokenApi, VaultToken } from './token-api.ts';

const remedy = 'put a new one into kms.auth.token and start keyturn again';

/**
 * A token from the config: renewed for as long as Vault allows. A token that may not look itself up is used
 * as it is.
 */
export function createStaticTokenSource(
  api: TokenApi,
  token: string,
  nowMs?: () => number,
): Omit<TokenSource, 'close'> {
  if (!headerSafeToken.test(token)) {
    const message = 'kms.auth.token is empty or has blanks, line breaks or non-ASCII characters';
    throw new Fault('usage', 'BAD_TOKEN', message);
  }
  let known: VaultToken | null = null;

  async function keepAlive(): Promise<VaultToken> {
    const renewed = known?.renewable ? await api.renew(token) : null;
    const alive = renewed ?? (await api.lookUp(token));
    if (alive !== null) return (known = alive);
    if (known === null) return { token, lifetimeMs: Infinity, renewable: false };
    throw new Fault('rotation', 'TOKEN_EXPIRED', `the Vault token has run out or was revoked; ${remedy}`, {
      peer: 'kms',
    });
  }

  const cache = createTokenCache(keepAlive, nowMs);
  return {
    get: (signal) => cache.get(signal),
    async replace(refused, signal) {
      // There is no other token, but this says it if the one has run out.
      await cache.replace(refused, signal);
      return null;
    },
    remedy: `if the token has run out, ${remedy}`,
  };
}
