import type { IncomingHttpHeaders } from 'node:http';
import type { FaultDetails } from '../../rotation/faults.ts';
import { parseRequestId } from './request-id.ts';
import { parseRetryAfter } from './retry-after.ts';

export interface HttpReply {
  readonly status: number;
  /** Empty where the body of an error was cut off or larger than `maxReplyBytes`. */
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export function isSuccess(reply: { readonly status: number }): boolean {
  return reply.status >= 200 && reply.status <= 299;
}

/** What every fault takes over from the reply it is about. */
export function describeReply({ headers }: HttpReply): FaultDetails {
  const requestId = parseRequestId(firstValue(headers['x-request-id']));
  const retryAfterMs = parseRetryAfter(firstValue(headers['retry-after']), headers.date, Date.now());
  return {
    peer: 'kms',
    ...(requestId !== undefined && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function firstValue(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
