import { Pool } from 'undici';
import type { FaultDetails } from '../../rotation/faults.ts';
import { parseEndpointUrl } from './endpoint-url.ts';
import { exchange } from './exchange.ts';
import { createNetworkFault, createTimeoutFault, type Peer } from './network-fault.ts';
import { parseRequestId } from './request-id.ts';
import { parseRetryAfter } from './retry-after.ts';
import { createTlsTrust } from './tls-trust.ts';

export interface HttpEndpointOptions {
  readonly url: string;
  /** The config's name of `url`, for a `usage` fault. */
  readonly setting: string;
  /** Whom it leads to, in words for messages. */
  readonly name: string;
  /** PEM certificates to trust besides the public roots. */
  readonly caPem: string | undefined;
  /** Over connect, headers and body together. */
  readonly timeoutMs: number;
  readonly connections: number;
  /** A larger reply is cut off. */
  readonly maxReplyBytes: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** Put behind the endpoint's own path; begins with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpReply {
  readonly status: number;
  /** Empty where the body of an error was cut off or larger than `maxReplyBytes`. */
  readonly body: string;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
}

export interface HttpEndpoint {
  readonly peer: Peer;
  /** The base of its requests, without a trailing slash. */
  readonly url: string;
  /**
   * One request, no redirect followed, nothing retried. Any status is a reply; no reply is a transient
   * `Fault`, `ABORTED` when `signal` aborts.
   */
  send(request: HttpRequest, signal: AbortSignal | undefined): Promise<HttpReply>;
  /** Cuts calls in flight; they end with an `ABORTED` fault. */
  close(): Promise<void>;
}

export function createHttpEndpoint(options: HttpEndpointOptions): HttpEndpoint {
  const { origin, prefix } = parseEndpointUrl(options.url, options.setting);
  const peer: Peer = { name: options.name, origin };
  const pool = new Pool(origin, {
    connections: options.connections,
    maxResponseSize: options.maxReplyBytes,
    // Undici times each part of a call by itself and to the second only; the deadline is over the whole of
    // it.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { secureContext: createTlsTrust(options.caPem), timeout: options.timeoutMs },
  });

  async function send(request: HttpRequest, signal: AbortSignal | undefined): Promise<HttpReply> {
    const { method, path, headers: sent, body: sentBody = null } = request;
    try {
      const { status, headers, body } = await exchange(
        pool,
        { method, path: prefix + path, headers: sent, body: sentBody },
        {
          timeoutMs: options.timeoutMs,
          createTimeoutFault: () => createTimeoutFault(peer, options.timeoutMs),
          signal,
        },
      );
      return {
        status,
        body,
        requestId: parseRequestId(firstValue(headers['x-request-id'])),
        retryAfterMs: parseRetryAfter(firstValue(headers['retry-after']), headers.date, Date.now()),
      };
    } catch (error) {
      throw createNetworkFault(error, peer);
    }
  }

  return {
    peer,
    url: origin + prefix,
    send,
    close: () => pool.destroy(),
  };
}

/** What every fault takes over from the reply it is about. */
export function describeReply(reply: HttpReply): FaultDetails {
  return {
    peer: 'kms',
    ...(reply.requestId !== undefined && { requestId: reply.requestId }),
    ...(reply.retryAfterMs !== undefined && { retryAfterMs: reply.retryAfterMs }),
  };
}

export function isSuccess(reply: { readonly status: number }): boolean {
  return reply.status >= 200 && reply.status <= 299;
}

function firstValue(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
