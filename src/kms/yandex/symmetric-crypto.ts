import type { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import type { TokenSource } from './auth/token-source.ts';
import { isSuccess, type HttpEndpoint } from './http.ts';
import { parseReply } from './replies.ts';
import { createReplyFault } from './reply-fault.ts';

/**
 * One HTTP call to the KMS: `code` is `OK` or that of its fault,
 * `seconds` the time until the whole reply was here.
 */
export interface MeasuredCall {
  readonly method: string;
  readonly code: string;
  readonly seconds: number;
}

export interface SymmetricCall<T> {
  readonly keyId: string;
  /** `reEncrypt`, `encrypt`, … */
  readonly method: string;
  /** Fields in camelCase, bytes as base64; those undefined are left out. */
  readonly fields: Readonly<Record<string, string | boolean | undefined>>;
  readonly reply: z.ZodType<T>;
  /**
   * What of the record the KMS judges, in words for a message;
   * null where the call holds nothing of a record.
   */
  readonly subject: string | null;
}

/** Makes a call of the SymmetricCrypto API. Throws a `Fault` of class `record`, `transient` or `rotation`. */
export type CallSymmetricCrypto = <T>(call: SymmetricCall<T>, signal: AbortSignal | undefined) => Promise<T>;

export function createSymmetricCrypto(
  endpoint: HttpEndpoint,
  tokens: TokenSource,
  onCall: (call: MeasuredCall) => void,
): CallSymmetricCrypto {
  async function attempt<T>(
    call: SymmetricCall<T>,
    token: string,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const reply = await endpoint.send(
      {
        method: 'POST',
        path: `/kms/v1/keys/${encodeURIComponent(call.keyId)}:${call.method}`,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(call.fields),
      },
      signal,
    );
    if (isSuccess(reply)) return parseReply(call.reply, reply, endpoint.peer);
    throw createReplyFault(reply, { subject: call.subject, tokenRemedy: tokens.remedy });
  }

  async function measure<T>(method: string, run: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    let code = 'OK';
    try {
      return await run();
    } catch (error) {
      code = error instanceof Fault ? error.code : 'INTERNAL_ERROR';
      throw error;
    } finally {
      onCall({ method, code, seconds: (performance.now() - startMs) / 1000 });
    }
  }

  return async (call, signal) => {
    const token = await tokens.get(signal);
    try {
      return await measure(call.method, () => attempt(call, token, signal));
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'UNAUTHENTICATED') throw error;
      const newer = await tokens.replace(token, signal);
      if (newer === null) throw error;
      return await measure(call.method, () => attempt(call, newer, signal));
    }
  };
}
