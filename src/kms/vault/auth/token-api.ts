import { z } from 'zod';
import { isSuccess, type HttpEndpoint, type HttpRequest } from '../../connection/http.ts';
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
 * The calls that have to do with tokens. None is aborted with the caller that happens to need it first: the others
 * wait for it too. Where the server refuses it is a `rotation` fault `TOKEN_REFUSED`, which ends with `remedy`.
 */
export interface TokenApi {
  login(path: string, body: Readonly<Record<string, string>>, remedy: string): Promise<VaultToken>;
  renew(token: string, remedy: string): Promise<VaultToken>;
  lookUp(token: string, remedy: string): Promise<VaultToken>;
}

export function createTokenApi(endpoint: HttpEndpoint): TokenApi {
  async function call<T>(request: HttpRequest, schema: z.ZodType<T>, remedy: string): Promise<T> {
    const reply = await endpoint.send(request, undefined);
    if (isSuccess(reply)) return parseReply(schema, reply, endpoint.peer);
    throw createTokenFault(reply, remedy);
  }

  return {
    login: (path, body, remedy) =>
      call(
        { method: 'POST', path: `auth/${path}`, headers: {}, body: JSON.stringify(body) },
        authReply,
        remedy,
      ),
    renew: (token, remedy) => {
      const headers = { 'x-vault-token': token };
      return call({ method: 'POST', path: 'auth/token/renew-self', headers, body: '{}' }, authReply, remedy);
    },
    async lookUp(token, remedy) {
      const headers = { 'x-vault-token': token };
      const request = { method: 'GET', path: 'auth/token/lookup-self', headers } as const;
      const { data } = await call(request, lookUpReply, remedy);
      return { token, lifetimeMs: toLifetimeMs(data.ttl), renewable: data.renewable };
    },
  };
}
