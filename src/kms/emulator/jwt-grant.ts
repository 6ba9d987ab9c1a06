import { decodeProtectedHeader, errors, importSPKI, jwtVerify } from 'jose';
import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import type { ServiceAccountKey } from './service-account-key.ts';
import { refusal } from './status.ts';

/**
 * Only the path of the audience is checked:
 * a client names Yandex's own address, wherever it sends the JWT.
 */
const audiencePath = '/iam/v1/tokens';
const maxLifetimeSeconds = 3600;
/** How far the clock of the one who signed may be ahead. */
const clockSkewSeconds = 60;

const claimsSchema = z.object({ aud: z.string(), iat: z.number(), exp: z.number() });

/**
 * Verifies the JWT that a service account asks an IAM token with: header typ=JWT, alg=PS256, kid = key id;
 * claims iss = service account id, aud, iat, exp at most an hour after iat.
 * Throws UNAUTHENTICATED for any other.
 */
export async function verifyJwtGrant(
  jwt: string,
  findKey: (id: string) => ServiceAccountKey | undefined,
  now: number,
): Promise<void> {
  try {
    const key = findKey(decodeProtectedHeader(jwt).kid ?? '');
    if (key === undefined) throw refused('its kid is not of a known key');
    const { payload } = await jwtVerify(jwt, await importSPKI(key.public_key, 'PS256'), {
      algorithms: ['PS256'],
      typ: 'JWT',
      issuer: key.service_account_id,
      currentDate: new Date(now),
    });
    const claims = claimsSchema.parse(payload);
    if (!claims.aud.endsWith(audiencePath)) throw refused(`its aud does not end in ${audiencePath}`);
    if (claims.iat > now / 1000 + clockSkewSeconds) throw refused('its iat is in the future');
    if (claims.exp - claims.iat > maxLifetimeSeconds) throw refused('its exp is over an hour after its iat');
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (error instanceof z.ZodError) throw refused('its aud, iat or exp is missing');
    throw refused(error instanceof errors.JOSEError ? error.code : 'it is malformed');
  }
}

function refused(reason: string) {
  return refusal('UNAUTHENTICATED', `The JWT is refused: ${reason}`);
}
