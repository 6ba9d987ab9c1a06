import type { Fault } from '../../rotation/faults.ts';
import { createCallWithToken, type OnCall } from '../connection/call-with-token.ts';
import type { TokenSource } from '../connection/token-source.ts';
import type { HttpEndpoint, HttpRequest } from '../connection/http.ts';
import { isSuccess, type HttpReply } from '../connection/http-reply.ts';
import type { ReplySchema } from '../connection/json-body.ts';
import { parseReply } from '../connection/parse-reply.ts';
import { createReplyFault, type CallSubject } from './reply-fault.ts';

export interface SymmetricCall<T> {
  readonly keyId: string;
  /** `reEncrypt`, `encrypt`, … */
  readonly method: string;
  /** JSON: names in camelCase, bytes as base64. */
  readonly body: string;
  readonly reply: ReplySchema<T>;
  /** Null where the call holds nothing of a record. */
  readonly subject: CallSubject | null;
}

/**
 * Makes a call of the SymmetricCrypto API and gives what `conclude` makes of its reply, or of the `Fault` that it is
 * (of class `record`, `transient` or `rotation`). Rejects where there is no reply.
 */
export type CallSymmetricCrypto = <T, Result>(
  call: SymmetricCall<T>,
  signal: AbortSignal | undefined,
  conclude: (reply: T | Fault) => Result | Promise<Result>,
) => Promise<Result>;

export function createSymmetricCrypto(
  endpoint: HttpEndpoint,
  tokens: TokenSource,
  onCall: OnCall,
): CallSymmetricCrypto {
  const callWithToken = createCallWithToken<SymmetricCall<unknown>>({
    endpoint,
    tokens,
    refusedCode: 'UNAUTHENTICATED',
    requestOf,
    onCall,
  });
  /** What a request shares with the one before, as thousands do. */
  let last = shareOf('', '', '');

  function requestOf({ keyId, method, body }: SymmetricCall<unknown>, token: string): HttpRequest {
    if (token !== last.token || keyId !== last.keyId || method !== last.method)
      last = shareOf(keyId, method, token);
    return { method: 'POST', path: last.path, headers: last.headers, body };
  }

  function read<T>(call: SymmetricCall<T>, reply: HttpReply): T {
    if (isSuccess(reply)) return parseReply(call.reply, reply, endpoint.peer);
    throw createReplyFault(reply, { subject: call.subject, tokenRemedy: tokens.remedy });
  }

  return (call, signal, conclude) =>
    callWithToken(call, { read: (reply) => read(call, reply), conclude }, signal);
}

function shareOf(keyId: string, method: string, token: string) {
  const path = `/kms/v1/keys/${encodeURIComponent(keyId)}:${method}`;
  const headers = ['authorization', `Bearer ${token}`, 'content-type', 'application/json'];
  return { keyId, method, token, path, headers };
}
