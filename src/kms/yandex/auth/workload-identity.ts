import { Fault } from '../../../rotation/faults.ts';
import type { HttpEndpoint } from '../../connection/http.ts';
import { exchangeToken, oauthReply } from './token-exchange.ts';
import type { IssuedToken } from '../../connection/token-source.ts';

export interface WorkloadIdentity {
  /** Reads the projected token; asked at each exchange, because Kubernetes replaces the file. */
  readonly readToken: () => Promise<string>;
  readonly serviceAccountId: string;
}

/** An IAM token for the workload's own token, by OAuth 2 token exchange (RFC 8693). */
export function issueByWorkloadIdentity(
  endpoint: HttpEndpoint,
  identity: WorkloadIdentity,
  remedy: string,
): () => Promise<IssuedToken> {
  return async () => {
    const form = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: identity.serviceAccountId,
      subject_token: await readSubjectToken(identity),
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    });
    const headers = ['content-type', 'application/x-www-form-urlencoded'];
    const request = { method: 'POST', path: '/oauth/token', headers, body: form.toString() } as const;
    return exchangeToken(endpoint, request, oauthReply, remedy);
  };
}

async function readSubjectToken(identity: WorkloadIdentity): Promise<string> {
  const message =
    'the token file of kms.auth.workloadIdentity is empty or cannot be read; check that the pod mounts it';
  try {
    const token = (await identity.readToken()).trim();
    if (token !== '') return token;
  } catch (error) {
    throw new Fault('rotation', 'TOKEN_FILE_UNREADABLE', message, { peer: 'kms', cause: error });
  }
  throw new Fault('rotation', 'TOKEN_FILE_UNREADABLE', message, { peer: 'kms' });
}
