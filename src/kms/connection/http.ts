import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { parseEndpointUrl } from './endpoint-url.ts';
import { createCallsInFlight } from './calls-in-flight.ts';
import { exchange, type Ending } from './exchange.ts';
import type { Peer } from './network-fault.ts';
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
  /**
   * A header with an id of ours, the same in all requests: what support finds them by, and what a fault tells where no
   * reply came. An id of its own in each would be a tenth of what a call costs.
   */
  readonly traceHeader?: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** Put behind the endpoint's own path; begins with a slash. */
  readonly path: string;
  /** As undici takes them: each name, and its value behind it. Made once for many requests. */
  readonly headers: readonly string[];
  readonly body?: string;
}

export interface HttpEndpoint {
  readonly peer: Peer;
  /** The base of its requests, without a trailing slash. */
  readonly url: string;
  /**
   * One request, and what `ending` makes of its reply; no redirect is followed, nothing tried again. Any status is a
   * reply; no reply is a transient `Fault`, `ABORTED` when `signal` aborts.
   */
  send<T>(request: HttpRequest, ending: Ending<T>, signal: AbortSignal | undefined): Promise<T>;
  /** Cuts calls in flight; they end with an `ABORTED` fault. */
  close(): Promise<void>;
}

export function createHttpEndpoint(options: HttpEndpointOptions): HttpEndpoint {
  const { origin, prefix } = parseEndpointUrl(options.url, options.setting);
  const { name, traceHeader } = options;
  const traceId = traceHeader === undefined ? null : randomUUID();
  const sharedHeaders = traceHeader === undefined || traceId === null ? [] : [traceHeader, traceId];
  const peer: Peer = { name, origin, traceId };
  const pool = new Pool(origin, {
    connections: options.connections,
    maxResponseSize: options.maxReplyBytes,
    // Undici times each part of a call by itself and to the second only; the deadline is over the whole of
    // it.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { secureContext: createTlsTrust(options.caPem), timeout: options.timeoutMs },
  });

  const calls = { peer, inFlight: createCallsInFlight(peer, options.timeoutMs) };

  return {
    peer,
    url: origin + prefix,
    send({ method, path, headers: given, body = null }, ending, signal) {
      const headers = [...sharedHeaders, ...given];
      return exchange(pool, { method, path: prefix + path, headers, body }, calls, ending, signal);
    },
    close: () => pool.destroy(),
  };
}
