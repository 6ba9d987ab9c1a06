import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { Fault } from '../../../rotation/faults.ts';
import type { HttpEndpoint } from '../../connection/http.ts';
import { parseJsonBody } from '../../connection/json-body.ts';
import { exchangeToken, iamReply } from './token-exchange.ts';
import type { IssuedToken } from '../../connection/token-source.ts';

/** Longest life that IAM grants to the JWT. */
const jwtSeconds = 3600;
const path = '/iam/v1/tokens';

/** The key file that `yc iam key create` writes; the other fields are not needed. */
const keyFileSchema = z.object({
  id: z.string().min(1),
  service_account_id: z.string().min(1),
  private_key: z.string(),
});

export interface ServiceAccountKey {
  readonly id: string;
  readonly serviceAccountId: string;
  readonly privateKey: KeyObject;
}

/**
 * `usage` fault where it is no key file,
 * or its key no RSA key that PS256 takes (RFC 7518 §3.5: 2048 bits at least).
 */
export function parseServiceAccountKey(keyJson: string): ServiceAccountKey {
  const file = parseJsonBody(keyFileSchema, keyJson);
  const privateKey = file && readPrivateKey(file.private_key);
  if (!privateKey) {
    const message =
      'kms.auth.serviceAccountKeyFile is not a service account key as `yc iam key create` writes it';
    throw new Fault('usage', 'BAD_SERVICE_ACCOUNT_KEY', message);
  }
  return { id: file.id, serviceAccountId: file.service_account_id, privateKey };
}

/** An IAM token for a JWT signed with the service account's key. */
export function issueByServiceAccountKey(
  endpoint: HttpEndpoint,
  key: ServiceAccountKey,
  remedy: string,
): () => Promise<IssuedToken> {
  return async () => {
    const issuedAt = Math.floor(Date.now() / 1000);
    const jwt = await new SignJWT()
      .setProtectedHeader({ typ: 'JWT', alg: 'PS256', kid: key.id })
      .setIssuer(key.serviceAccountId)
      .setAudience(endpoint.url + path)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + jwtSeconds)
      .sign(key.privateKey);
    const headers = ['content-type', 'application/json'];
    const request = { method: 'POST', path, headers, body: JSON.stringify({ jwt }) } as const;
    return exchangeToken(endpoint, request, iamReply, remedy);
  };
}

function readPrivateKey(pem: string): KeyObject | null {
  try {
    // Newer files say "PLEASE DO NOT REMOVE THIS LINE!" above the PEM, which OpenSSL need not skip.
    const key = createPrivateKey(pem.slice(Math.max(pem.indexOf('-----BEGIN'), 0)));
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return key.asymmetricKeyType === 'rsa' && bits >= 2048 ? key : null;
  } catch {
    return null;
  }
}
