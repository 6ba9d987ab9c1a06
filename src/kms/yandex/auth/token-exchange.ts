import { z } from 'zod';
import { Fault } from '../../../rotation/faults.ts';
import type { HttpEndpoint, HttpRequest } from '../../connection/http.ts';
import { describeReply, isSuccess, type HttpReply } from '../../connection/http-reply.ts';
import { parseReply } from '../../connection/parse-reply.ts';
import { headerSafeToken, type IssuedToken } from '../../connection/token-source.ts';

/** Where a reply names no expiry: the age at which a token is refreshed anyway. */
const defaultLifetimeSeconds = 3600;

/** A token endpoint's reply in the words of OAuth 2 (RFC 6749 §5.1). */
export const oauthReply = z
  .object({
    access_token: z.string().regex(headerSafeToken),
    expires_in: z.coerce.number().nonnegative().default(defaultLifetimeSeconds),
  })
  .transform((reply): IssuedToken => ({ token: reply.access_token, lifetimeMs: reply.expires_in * 1000 }));

/** The reply of `POST /iam/v1/tokens`. */
export const iamReply = z
  .object({
    iamToken: z.string().regex(headerSafeToken),
    expiresAt: z.string().transform(Date.parse).pipe(z.number()).nullish(),
  })
  .transform(({ iamToken, expiresAt }): IssuedToken => {
    const lifetimeMs = typeof expiresAt === 'number' ? expiresAt - Date.now() : defaultLifetimeSeconds * 1000;
    return { token: iamToken, lifetimeMs };
  });

/**
 * Asks a token service for a token. `transient` fault while it is down or too busy, `rotation` fault when it
 * refuses; `remedy` then ends the message.
 */
export function exchangeToken(
  endpoint: HttpEndpoint,
  request: HttpRequest,
  schema: z.ZodType<IssuedToken>,
  remedy: string,
): Promise<IssuedToken> {
  // Not aborted with the caller that happens to need it first: the others wait for it too.
  return endpoint.send(request, { read }, undefined);

  function read(reply: HttpReply): IssuedToken {
    if (isSuccess(reply)) return parseReply(schema, reply, endpoint.peer);
    throw createExchangeFault(reply, endpoint.peer.name, remedy);
  }
}

function createExchangeFault(reply: HttpReply, name: string, remedy: string): Fault {
  if (reply.status >= 500 || reply.status === 429) {
    return new Fault(
      'transient',
      'TOKEN_UNAVAILABLE',
      `${name} could not issue a token (HTTP ${reply.status})`,
      describeReply(reply),
    );
  }
  return new Fault(
    'rotation',
    'TOKEN_REFUSED',
    `${name} refused to issue a token (HTTP ${reply.status}); ${remedy}`,
    describeReply(reply),
  );
}
