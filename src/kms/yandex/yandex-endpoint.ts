import { randomUUID } from 'node:crypto';
import { createHttpEndpoint, type HttpEndpoint, type HttpEndpointOptions } from '../connection/http.ts';

/** Far above the largest honest reply: 32 KiB of plaintext make a ciphertext of 44 KB in base64. */
const maxReplyBytes = 1024 * 1024;

/**
 * An endpoint of Yandex Cloud: its support finds a request by the id that we give it, or by the one in the
 * reply.
 */
export function createYandexEndpoint(options: Omit<HttpEndpointOptions, 'maxReplyBytes'>): HttpEndpoint {
  const endpoint = createHttpEndpoint({ ...options, maxReplyBytes });
  return {
    ...endpoint,
    send(request, signal) {
      const headers = { ...request.headers, 'x-client-trace-id': randomUUID() };
      return endpoint.send({ ...request, headers }, signal);
    },
  };
}
