import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { createCryptoService } from './crypto-service.ts';
import { createHttpServer, listenOn } from './http-server.ts';
import { createKey, primaryVersion } from './key.ts';
import { registerKeyRoutes } from './key-routes.ts';
import { defaultFolderId } from './key-request.ts';
import { openKeyStore, type KeyStore } from './key-store.ts';
import { checkOptions, type EmulatorOptions } from './options.ts';
import { makeServiceAccountKey } from './service-account-key.ts';
import { createTokenBook } from './token-book.ts';
import { registerTokenRoutes } from './token-routes.ts';

export type { EmulatorOptions };

export interface Emulator {
  readonly endpoint: string;
  readonly token: string;
  /** As they are now. */
  readonly keys: { keyId: string; primaryVersionId: string }[];
  /** Makes and registers a service account key; returns its key file, which is JSON. */
  newServiceAccountKey(): Promise<string>;
  /** Cuts all connections; what was to be written to the state file is written first. */
  close(): Promise<void>;
}

/**
 * Starts a Yandex KMS for trial and test: data plane, control plane and all three ways to an IAM token, on
 * one port. Throws a usage `Fault` if an option is wrong, the port is taken or the state file cannot be used.
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  checkOptions(options);
  const {
    now = Date.now,
    token = randomBytes(32).toString('base64url'),
    tokenLifetimeSeconds = 3600,
  } = options;
  const store = await openKeyStore(options.stateFile, now);
  await addMissingKeys(store, options.keys, now());
  const givenKeys = new Map(options.serviceAccountKeys?.map((key) => [key.id, key]));
  const tokens = createTokenBook(token, tokenLifetimeSeconds * 1000, now);
  const serveCrypto = createCryptoService(store, tokens, {
    quotaPerSecond: options.quota ?? null,
    latencyMs: options.latencyMs ?? 0,
    failRate: options.failRate ?? 0,
    primaryLagMs: options.primaryLagMs ?? 0,
    onCall: options.onCall ?? (() => {}),
    now,
    random: options.random ?? Math.random,
  });

  const app = createHttpServer();
  registerKeyRoutes(app, { store, tokens, serveCrypto, now });
  registerTokenRoutes(app, {
    findServiceAccountKey: (id) => givenKeys.get(id) ?? store.findServiceAccountKey(id),
    tokens,
    tokenLifetimeSeconds,
    now,
  });
  registerDiscovery(app);
  const endpoint = await listenOn(app, options.host ?? '127.0.0.1', options.port);

  return {
    endpoint,
    token,
    get keys() {
      return store.keys().map((key) => ({ keyId: key.id, primaryVersionId: primaryVersion(key).id }));
    },
    async newServiceAccountKey() {
      const { registered, keyFile } = await makeServiceAccountKey(now());
      await store.addServiceAccountKey(registered);
      return keyFile;
    },
    async close() {
      await app.close();
      await store.settled();
    },
  };
}

async function addMissingKeys(store: KeyStore, keyIds: readonly string[], now: number): Promise<void> {
  for (const id of keyIds) {
    if (store.keys().some((key) => key.id === id)) continue;
    const described = {
      id,
      folderId: defaultFolderId,
      name: id,
      description: '',
      labels: {},
      defaultAlgorithm: 'AES_256',
      deletionProtection: false,
    } as const;
    await store.addKey(createKey(described, now));
  }
}

/** Where the services are, in the form of https://api.cloud.yandex.net/endpoints: all of them here. */
function registerDiscovery(app: FastifyInstance): void {
  app.get('/endpoints', (request, reply) => {
    const services = ['kms', 'kms-crypto', 'iam'];
    reply.send({ endpoints: services.map((id) => ({ id, address: request.host })) });
  });
}
