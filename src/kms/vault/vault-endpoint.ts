import { Fault } from '../../rotation/faults.ts';
import { createHttpEndpoint, type HttpEndpoint } from '../connection/http.ts';

/** Twice what a server takes in one request by default (`max_request_size`). */
const maxReplyBytes = 64 * 1024 * 1024;

export interface VaultConnection {
  /** As in VAULT_ADDR: without `/v1`. */
  readonly url: string;
  readonly namespace: string | undefined;
  readonly caPem: string | undefined;
  readonly timeoutMs: number;
}

/** The HTTP API of a Vault or OpenBao server. `usage` fault where an option is of no use. */
export function createVaultEndpoint(connection: VaultConnection, connections: number): HttpEndpoint {
  const { namespace, ...rest } = connection;
  const headers = [
    // Agents and proxies let nothing through without it where they guard against forged requests.
    'x-vault-request',
    'true',
    'content-type',
    'application/json',
    ...(namespace === undefined ? [] : ['x-vault-namespace', checkNamespace(namespace)]),
  ];
  const endpoint = createHttpEndpoint({
    ...rest,
    setting: 'kms.endpoint',
    name: 'Vault',
    connections,
    maxReplyBytes,
  });
  return {
    ...endpoint,
    send(request, ending, signal) {
      const path = `/v1/${request.path}`;
      return endpoint.send({ ...request, path, headers: [...headers, ...request.headers] }, ending, signal);
    },
  };
}

function checkNamespace(namespace: string): string {
  if (/^[\x21-\x7e]+$/.test(namespace)) return namespace;
  throw new Fault('usage', 'BAD_NAMESPACE', 'kms.namespace is empty or has blanks or non-ASCII characters');
}
