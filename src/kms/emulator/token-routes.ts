import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { verifyJwtGrant } from './jwt-grant.ts';
import { parseMessage, readString } from './message-fields.ts';
import { timestamp } from './key-resource.ts';
import type { ServiceAccountKey } from './service-account-key.ts';
import { refusal } from './status.ts';
import type { TokenBook } from './token-book.ts';

interface TokenRoutes {
  readonly findServiceAccountKey: (id: string) => ServiceAccountKey | undefined;
  readonly tokens: TokenBook;
  readonly tokenLifetimeSeconds: number;
  readonly now: () => number;
}

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * What a token exchange must ask for (RFC 8693 §2.1);
 * of the audience and the subject only that they are there.
 */
const exchangeFields = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  requested_token_type: accessTokenType,
  subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
};

/** The three places where a client gets an IAM token: IAM itself, the metadata service, workload identity. */
export function registerTokenRoutes(app: FastifyInstance, routes: TokenRoutes): void {
  const { findServiceAccountKey, tokens, tokenLifetimeSeconds, now } = routes;

  app.post('/iam/v1/tokens', async (request: FastifyRequest<{ Body: string | undefined }>) => {
    const message = parseMessage(request.body ?? '');
    const jwt = readString(message, 'jwt', 16_384);
    if (readString(message, 'yandexPassportOauthToken', 16_384) !== '') {
      throw refusal('INVALID_ARGUMENT', 'OAuth tokens are not supported: send the JWT of a service account');
    }
    if (jwt === '') throw refusal('INVALID_ARGUMENT', 'jwt is required');
    await verifyJwtGrant(jwt, findServiceAccountKey, now());
    const issued = tokens.issue();
    return { iamToken: issued.token, expiresAt: timestamp(issued.expiresAt) };
  });

  app.get('/computeMetadata/v1/instance/service-accounts/default/token', (request, reply) => {
    if (request.headers['metadata-flavor'] !== 'Google') {
      throw refusal('PERMISSION_DENIED', 'The header Metadata-Flavor: Google is missing');
    }
    sendAccessToken(reply);
  });

  app.post('/oauth/token', (request: FastifyRequest<{ Body: string | undefined }>, reply) => {
    checkExchange(request.headers['content-type'], new URLSearchParams(request.body));
    sendAccessToken(reply, { issued_token_type: accessTokenType });
  });

  function sendAccessToken(reply: FastifyReply, more: object = {}): void {
    const { token } = tokens.issue();
    reply.send({ access_token: token, expires_in: tokenLifetimeSeconds, token_type: 'Bearer', ...more });
  }
}

function checkExchange(contentType: string | undefined, form: URLSearchParams): void {
  if (!contentType?.startsWith('application/x-www-form-urlencoded')) {
    throw refusal('INVALID_ARGUMENT', 'The content type must be application/x-www-form-urlencoded');
  }
  for (const [name, wanted] of Object.entries(exchangeFields)) {
    if (form.get(name) !== wanted) throw refusal('INVALID_ARGUMENT', `${name} must be ${wanted}`);
  }
  for (const name of ['audience', 'subject_token']) {
    if (!form.get(name)) throw refusal('INVALID_ARGUMENT', `${name} is required`);
  }
}
