import type { FaultDetails } from '../../rotation/faults.ts';

export interface HttpReply {
  readonly status: number;
  /** Empty where the body of an error was cut off or larger than `maxReplyBytes`. */
  readonly body: string;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
}

export function isSuccess(reply: { readonly status: number }): boolean {
  return reply.status >= 200 && reply.status <= 299;
}

/** What every fault takes over from the reply it is about. */
export function describeReply(reply: HttpReply): FaultDetails {
  return {
    peer: 'kms',
    ...(reply.requestId !== undefined && { requestId: reply.requestId }),
    ...(reply.retryAfterMs !== undefined && { retryAfterMs: reply.retryAfterMs }),
  };
}
