import { createHttpEndpoint, type HttpEndpoint, type HttpEndpointOptions } from '../connection/http.ts';

/** Far above the largest honest reply: 32 KiB of plaintext make a ciphertext of 44 KB in base64. */
const maxReplyBytes = 1024 * 1024;

/**
 * An endpoint of Yandex Cloud: its support finds a request by the id in its reply, and all of a client by the one that
 * the client gives them.
 */
export function createYandexEndpoint(options: Omit<HttpEndpointOptions, 'maxReplyBytes'>): HttpEndpoint {
  return createHttpEndpoint({ ...options, maxReplyBytes, traceHeader: 'x-client-trace-id' });
}
