import { createCallWithToken, type MeasuredCall } from '../connection/call-with-token.ts';
import type { TokenSource } from '../connection/token-source.ts';
import type { HttpEndpoint } from '../connection/http.ts';
import { isSuccess, type HttpReply } from '../connection/http-reply.ts';
import type { ReplySchema } from '../connection/json-body.ts';
import { parseReply } from '../connection/parse-reply.ts';
import { createReplyFault, type CallSubject } from './reply-fault.ts';

/** In camelCase, bytes as base64; those undefined are left out. */
export type SymmetricFields = Readonly<Record<string, string | boolean | undefined>>;

export interface SymmetricCall<T> {
  readonly keyId: string;
  /** `reEncrypt`, `encrypt`, … */
  readonly method: string;
  readonly fields: SymmetricFields;
  readonly reply: ReplySchema<T>;
  /** Null where the call holds nothing of a record. */
  readonly subject: CallSubject | null;
}

/** Makes a call of the SymmetricCrypto API. Throws a `Fault` of class `record`, `transient` or `rotation`. */
export type CallSymmetricCrypto = <T>(call: SymmetricCall<T>, signal: AbortSignal | undefined) => Promise<T>;

export function createSymmetricCrypto(
  endpoint: HttpEndpoint,
  tokens: TokenSource,
  onCall: (call: MeasuredCall) => void,
): CallSymmetricCrypto {
  function attempt<T>(call: SymmetricCall<T>, token: string, signal: AbortSignal | undefined): Promise<T> {
    return endpoint.send(
      {
        method: 'POST',
        path: `/kms/v1/keys/${encodeURIComponent(call.keyId)}:${call.method}`,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(call.fields),
      },
      (reply) => read(call, reply),
      signal,
    );
  }
  function read<T>(call: SymmetricCall<T>, reply: HttpReply): T {
    if (isSuccess(reply)) return parseReply(call.reply, reply, endpoint.peer);
    throw createReplyFault(reply, { subject: call.subject, tokenRemedy: tokens.remedy });
  }

  const callWithToken = createCallWithToken(tokens, 'UNAUTHENTICATED', onCall);
  return (call, signal) => callWithToken(call.method, (token) => attempt(call, token, signal), signal);
}
