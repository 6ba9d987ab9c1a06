import type { z } from 'zod';
import { createCallWithToken, orThrow, type OnCall } from '../connection/call-with-token.ts';
import type { HttpEndpoint } from '../connection/http.ts';
import { isSuccess, type HttpReply } from '../connection/http-reply.ts';
import { parseJsonBody } from '../connection/json-body.ts';
import { parseReply } from '../connection/parse-reply.ts';
import type { TokenSource } from '../connection/token-source.ts';
import { createTransitFault } from './reply-fault.ts';

export interface TransitCall<T> {
  readonly method: 'rewrap' | 'keys';
  readonly keyId: string;
  /** Sent by POST; without it the call is a GET. */
  readonly body?: unknown;
  readonly reply: z.ZodType<T>;
}

/**
 * Makes a call of the transit engine. Throws a `Fault` of class `record` (too large), `transient` or
 * `rotation`.
 */
export type CallTransit = <T>(call: TransitCall<T>, signal: AbortSignal | undefined) => Promise<T>;

export function createTransit(
  endpoint: HttpEndpoint,
  mount: string,
  tokens: TokenSource,
  onCall: OnCall,
): CallTransit {
  const callWithToken = createCallWithToken<TransitCall<unknown>>({
    endpoint,
    tokens,
    refusedCode: 'PERMISSION_DENIED',
    requestOf: (call, token) => ({
      method: call.body === undefined ? 'GET' : 'POST',
      path: `${mount}/${call.method}/${encodeURIComponent(call.keyId)}`,
      headers: ['x-vault-token', token],
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
    }),
    onCall,
  });

  function read<T>(call: TransitCall<T>, reply: HttpReply): T {
    if (isSuccess(reply)) return parseReply(call.reply, reply, endpoint.peer);
    const partial = readPartial(call.reply, reply);
    if (partial !== null) return partial;
    throw createTransitFault(reply, { mount, keyId: call.keyId, tokenRemedy: tokens.remedy });
  }

  return <T>(call: TransitCall<T>, signal: AbortSignal | undefined) =>
    callWithToken<T, T>(call, { read: (reply) => read(call, reply), conclude: orThrow }, signal);
}

/** Some versions answer 400 where an item of a batch failed, with the results of all of them in the body. */
function readPartial<T>(schema: z.ZodType<T>, reply: HttpReply): T | null {
  return reply.status === 400 ? parseJsonBody(schema, reply.body) : null;
}
