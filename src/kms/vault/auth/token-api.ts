import { z } from 'zod';
import { Fault } from '../../../rotation/faults.ts';
import type { HttpEndpoint, HttpRequest } from '../../connection/http.ts';
import { isSuccess, type HttpReply } from '../../connection/http-reply.ts';
import { parseReply } from '../../connection/parse-reply.ts';
import { headerSafeToken, type IssuedToken } from '../../connection/token-source.ts';
import { createTokenFault } from '../reply-fault.ts';

/** A token that may live longer if it is renewed in time. */
export interface VaultToken extends IssuedToken {
  readonly renewable: boolean;
}

const seconds = z.number().nonnegative();
const authReply = z
  .object({
    auth: z.object({
      client_token: z.string().regex(headerSafeToken),
      lease_duration: seconds,
      renewable: z.boolean(),
    }),
  })
  .transform(({ auth }): VaultToken => ({
    token: auth.client_token,
    lifetimeMs: toLifetimeMs(auth.lease_duration),
    renewable: auth.renewable,
  }));
const lookUpReply = z.object({ data: z.object({ ttl: seconds, renewable: z.boolean().default(false) }) });

/** Only a token that never expires has a TTL of 0. */
function toLifetimeMs(ttlSeconds: number): number {
  return ttlSeconds === 0 ? Infinity : ttlSeconds * 1000;
}

/**
 * The calls that have to do with tokens. None is aborted with the caller that happens to need it first: the
 * others wait for it too. A server that can't answer is a `transient` fault.
 */
export interface TokenApi {
  /** `rotation` fault `TOKEN_REFUSED` where it is refused; `remedy` then ends the message. */
  login(path: string, body: Readonly<Record<string, string>>, remedy: string): Promise<VaultToken>;
  /** Null where the token cannot live longer. */
  renew(token: string): Promise<VaultToken | null>;
  /** Null where the token is dead, or may not look itself up. */
  lookUp(token: string): Promise<VaultToken | null>;
}

export function createTokenApi(endpoint: HttpEndpoint): TokenApi {
  function call<T>(request: HttpRequest, schema: z.ZodType<T>, remedy: string): Promise<T> {
    function read(reply: HttpReply): T {
      if (isSuccess(reply)) return parseReply(schema, reply, endpoint.peer);
      throw createTokenFault(reply, remedy);
    }
    return endpoint.send(request, { read }, undefined);
  }

  return {
    login: (path, body, remedy) =>
      call(
        { method: 'POST', path: `auth/${path}`, headers: [], body: JSON.stringify(body) },
        authReply,
        remedy,
      ),
    renew(token) {
      const path = 'auth/token/renew-self';
      const request = { method: 'POST', path, headers: ['x-vault-token', token], body: '{}' } as const;
      // Beyond the max TTL the refusal is a 500 (vault/expiration.go).
      return unless(['TOKEN_REFUSED', 'INTERNAL'], call(request, authReply, 'log in anew'));
    },
    lookUp(token) {
      const path = 'auth/token/lookup-self';
      const request = { method: 'GET', path, headers: ['x-vault-token', token] } as const;
      const schema = lookUpReply.transform(({ data }): VaultToken => ({
        token,
        lifetimeMs: toLifetimeMs(data.ttl),
        renewable: data.renewable,
      }));
      return unless(['TOKEN_REFUSED'], call(request, schema, 'log in anew'));
    },
  };
}

/** What the call gives; null where it ends with a fault of one of these codes. */
async function unless<T>(codes: readonly string[], call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Fault && codes.includes(error.code)) return null;
    throw error;
  }
}
