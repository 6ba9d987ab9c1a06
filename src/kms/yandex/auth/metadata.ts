import type { HttpEndpoint } from '../../connection/http.ts';
import { exchangeToken, oauthReply } from './token-exchange.ts';
import type { IssuedToken } from '../../connection/token-source.ts';

const path = '/computeMetadata/v1/instance/service-accounts/default/token';

/** The token of the service account that a virtual machine runs under, from its metadata service. */
export function issueFromMetadata(endpoint: HttpEndpoint, remedy: string): () => Promise<IssuedToken> {
  const request = { method: 'GET', path, headers: ['metadata-flavor', 'Google'] } as const;
  return () => exchangeToken(endpoint, request, oauthReply, remedy);
}
