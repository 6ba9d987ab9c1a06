import { createTokenCache, type TokenSource } from '../../connection/token-source.ts';
import type { Login } from './login.ts';
import type { TokenApi, VaultToken } from './token-api.ts';

/**
 * Logs in, renews the token ahead of its expiry, and logs in anew when it nears its max TTL or is refused.
 */
export function createLoginSource(
  api: TokenApi,
  login: Login,
  nowMs?: () => number,
): Omit<TokenSource, 'close'> {
  let current: VaultToken | null = null;

  async function issue(): Promise<VaultToken> {
    const renewed = current === null ? null : await renew(current);
    if (renewed !== null) return renewed;
    current = await login.issue();
    return current;
  }

  /** Null where it brings less than half of the life that a login gives: the max TTL is near. */
  async function renew(token: VaultToken): Promise<VaultToken | null> {
    if (!token.renewable) return null;
    const renewed = await api.renew(token.token);
    return renewed !== null && renewed.lifetimeMs >= token.lifetimeMs / 2 ? renewed : null;
  }

  const cache = createTokenCache(issue, nowMs);
  return {
    get: (signal) => cache.get(signal),
    replace(refused, signal) {
      // Renewing what was refused would bring the same token back.
      if (current?.token === refused) current = null;
      return cache.replace(refused, signal);
    },
    remedy: login.remedy,
  };
}
