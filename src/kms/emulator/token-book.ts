import { randomBytes } from 'node:crypto';
import { refusal } from './status.ts';

interface IssuedToken {
  readonly token: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** The tokens that the emulator accepts: one given for its whole life, and those it issued. */
export interface TokenBook {
  issue(): IssuedToken;
  /** Throws UNAUTHENTICATED unless the `Authorization` header bears a token that is still good. */
  check(authorization: string | undefined): void;
}

export function createTokenBook(standingToken: string, lifetimeMs: number, now: () => number): TokenBook {
  const expiries = new Map<string, number>();

  /** Tokens all live equally long, so those issued first expire first. */
  function forgetExpired(): void {
    for (const [token, expiresAt] of expiries) {
      if (expiresAt > now()) return;
      expiries.delete(token);
    }
  }

  return {
    issue() {
      forgetExpired();
      const token = `t1.${randomBytes(32).toString('base64url')}`;
      const expiresAt = now() + lifetimeMs;
      expiries.set(token, expiresAt);
      return { token, expiresAt };
    },
    check(authorization) {
      const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined) throw refusal('UNAUTHENTICATED', 'The request bears no IAM token');
      if (token === standingToken) return;
      const expiresAt = expiries.get(token);
      if (expiresAt === undefined) throw refusal('UNAUTHENTICATED', 'The token is invalid');
      if (expiresAt <= now()) throw refusal('UNAUTHENTICATED', 'The token has expired');
    },
  };
}
