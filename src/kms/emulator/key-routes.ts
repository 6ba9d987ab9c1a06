import type { FastifyInstance, FastifyRequest } from 'fastify';
import { addKey, controlMethods, listKeys } from './control-methods.ts';
import { cryptoMethods } from './crypto-methods.ts';
import type { CryptoService } from './crypto-service.ts';
import { keysPath, splitKeyPath } from './key-path.ts';
import type { KeyStore } from './key-store.ts';
import { parseMessage, type Message } from './message-fields.ts';
import { noSuchRoute, wrongVerb } from './status.ts';
import type { TokenBook } from './token-book.ts';

interface KeyRoutes {
  readonly store: KeyStore;
  readonly tokens: TokenBook;
  readonly serveCrypto: CryptoService;
  readonly now: () => number;
}

type TextRequest = FastifyRequest<{ Body: string | undefined }>;

/** What may stand behind a key in a path, whatever the verb. */
const knownActions = new Set([
  ...cryptoMethods.keys(),
  ...[...controlMethods.keys()].map((verbAndAction) => verbAndAction.slice(verbAndAction.indexOf(' ') + 1)),
]);

/** Both planes of the KMS: the crypto methods and the management of keys. */
export function registerKeyRoutes(
  app: FastifyInstance,
  { store, tokens, serveCrypto, now }: KeyRoutes,
): void {
  app.all(`${keysPath}/*`, async (request: TextRequest, reply) => {
    const path = splitKeyPath(request.url);
    if (path === null) throw noSuchRoute();
    const { keyId, action } = path;
    const cryptoMethod = request.method === 'POST' ? cryptoMethods.get(action) : undefined;
    if (cryptoMethod !== undefined) {
      await serveCrypto(
        {
          method: cryptoMethod,
          methodName: action.slice(1),
          keyId,
          authorization: request.headers.authorization,
          body: request.body ?? '',
        },
        reply,
      );
      return reply;
    }
    const controlMethod = controlMethods.get(`${request.method} ${action}`);
    if (controlMethod === undefined) throw knownActions.has(action) ? wrongVerb() : noSuchRoute();
    tokens.check(request.headers.authorization);
    return controlMethod({ store, now: now() }, keyId, readMessage(request));
  });

  app.get(keysPath, async (request: TextRequest) => {
    tokens.check(request.headers.authorization);
    return listKeys({ store, now: now() }, readMessage(request));
  });

  app.post(keysPath, async (request: TextRequest) => {
    tokens.check(request.headers.authorization);
    return addKey({ store, now: now() }, readMessage(request));
  });
}

/** The transcoder takes a GET's fields from the query and those of the others from the body. */
function readMessage(request: TextRequest): Message {
  if (request.method !== 'GET') return parseMessage(request.body ?? '');
  return Object.fromEntries(new URL(request.url, 'http://emulator').searchParams);
}
