import { randomBytes } from 'node:crypto';

export interface TokenOptions {
  /** 0: never expires. */
  readonly ttlSeconds?: number;
  /** From its making on; 0: none. */
  readonly maxTtlSeconds?: number;
  readonly renewable?: boolean;
  /** Paths behind `/v1/` that its policy allows; all unless given. */
  readonly allow?: RegExp;
}

interface LiveToken extends Required<TokenOptions> {
  readonly bornMs: number;
  endsMs: number;
}

/** The token store of a Vault, on a clock of the test's. */
export function createTokenStore(nowMs: () => number) {
  const tokens = new Map<string, LiveToken>();

  function find(token: string): LiveToken | null {
    const found = tokens.get(token);
    return found !== undefined && nowMs() < found.endsMs ? found : null;
  }

  return {
    find,
    issue(options: TokenOptions = {}): string {
      const token = `hvs.${randomBytes(12).toString('hex')}`;
      const { ttlSeconds = 0, maxTtlSeconds = 0, renewable = ttlSeconds > 0, allow = /./ } = options;
      const bornMs = nowMs();
      const endsMs = ttlSeconds === 0 ? Infinity : bornMs + ttlSeconds * 1000;
      tokens.set(token, { ttlSeconds, maxTtlSeconds, renewable, allow, bornMs, endsMs });
      return token;
    },
    revoke: (token: string) => tokens.delete(token),
    /** Never beyond its max TTL. */
    renew(token: string): 'renewed' | 'not renewable' | 'past max TTL' {
      const live = find(token);
      if (live === null || !live.renewable) return 'not renewable';
      const lastMs = live.maxTtlSeconds === 0 ? Infinity : live.bornMs + live.maxTtlSeconds * 1000;
      // Vault counts in whole seconds.
      if (lastMs - nowMs() < 1000) return 'past max TTL';
      live.endsMs = Math.min(nowMs() + live.ttlSeconds * 1000, lastMs);
      return 'renewed';
    },
    /** Seconds that it has left; 0 where it never expires. */
    ttl: (live: LiveToken) => (live.endsMs === Infinity ? 0 : Math.ceil((live.endsMs - nowMs()) / 1000)),
  };
}
