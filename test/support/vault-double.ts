import { startRecordingServer, type ReceivedRequest, type RecordingServer } from './recording-server.ts';
import { createTokenStore, type TokenOptions } from './vault-tokens.ts';
import {
  createTransitKey,
  decodeBase64,
  decrypt,
  encrypt,
  supportsEncryption,
  TransitError,
  type TransitKey,
} from './vault-transit.ts';

/** Status and body of a reply, and its headers. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface VaultDoubleOptions {
  /** Where its transit engine is. */
  readonly mount?: string;
  /** The one namespace that it has besides the root. */
  readonly namespace?: string;
  /** What an AppRole or Kubernetes login gives. */
  readonly loginToken?: TokenOptions;
}

/** A Vault for tests over real HTTP: it really encrypts, and refuses what Vault refuses, in its words. */
export interface VaultDouble extends RecordingServer {
  readonly rootToken: string;
  readonly tokens: ReturnType<typeof createTokenStore>;
  readonly keys: Map<string, TransitKey>;
  /** The double's time, for its own tokens and a client's cache. */
  nowMs(): number;
  pass(ms: number): void;
  /** What it answers in place of itself; null lets it answer; undefined cuts the connection. */
  instead: (request: ReceivedRequest) => Reply | null | undefined;
  /** Status of a batch in which an item failed. */
  partialFailureStatus: number;
}

export const roleId = 'role-1';
export const secretId = 'secret-1';
export const serviceAccountToken = 'pod-jwt';
export const sealed: Reply = { status: 503, body: { errors: ['Vault is sealed'] } };
export const standby: Reply = { status: 307, headers: { location: 'http://127.0.0.1:1/v1/' } };

/** OpenBao's default, names of fields included. */
const maxStrings = 1000;
const maxBodyBytes = 32 * 1024 * 1024;
const denied = refusal(403, 'permission denied');

interface BatchItem {
  readonly ciphertext?: string;
  readonly plaintext?: string;
  readonly context?: string;
  readonly key_version?: number;
  readonly reference?: string;
}

export async function startVaultDouble(options: VaultDoubleOptions = {}): Promise<VaultDouble> {
  const mount = options.mount ?? 'transit';
  let clockMs = 0;
  const tokens = createTokenStore(() => clockMs);
  const rootToken = tokens.issue();
  const keys = new Map<string, TransitKey>();

  function answer(request: ReceivedRequest): Reply {
    if (request.headers['x-vault-request'] !== 'true')
      return refusal(412, "missing 'X-Vault-Request' header");
    const namespace = request.headers['x-vault-namespace'] ?? '';
    if (namespace !== '' && namespace !== options.namespace) return refusal(404, 'namespace not found');
    if (request.body.length > maxBodyBytes) return refusal(413, 'http: request body too large');
    if (countStrings(request.body) > maxStrings) {
      return refusal(400, 'refused JSON input due to high complexity: exceeded maximum number of strings');
    }
    const path = decodeURIComponent(request.path.replace(/^.*\/v1\//, ''));
    if (path.endsWith('/login')) return logIn(path, parse(request.body));
    const token = String(request.headers['x-vault-token'] ?? '');
    const live = tokens.find(token);
    if (live === null || !live.allow.test(path)) return denied;
    if (path.startsWith('auth/token/')) return answerToken(path, token);
    if (!path.startsWith(`${mount}/`))
      return refusal(404, `no handler for route "${path}". route entry not found.`);
    const [method = '', name = '', act = ''] = path.slice(mount.length + 1).split('/');
    return answerTransit(request.method, method, name, act, parse(request.body));
  }

  function logIn(path: string, body: Record<string, unknown>): Reply {
    const appRole =
      path === 'auth/approle/login' && body['role_id'] === roleId && body['secret_id'] === secretId;
    const pod =
      path === 'auth/kubernetes/login' && body['role'] === 'keyturn' && body['jwt'] === serviceAccountToken;
    if (!appRole && !pod)
      return path.includes('approle') ? refusal(400, 'invalid role or secret ID') : denied;
    return answerAuth(tokens.issue(options.loginToken ?? { ttlSeconds: 3600 }));
  }

  function answerAuth(token: string): Reply {
    const live = tokens.find(token);
    if (live === null) return denied;
    return {
      status: 200,
      body: { auth: { client_token: token, lease_duration: tokens.ttl(live), renewable: live.renewable } },
    };
  }

  function answerToken(path: string, token: string): Reply {
    const live = tokens.find(token);
    if (live !== null && path === 'auth/token/lookup-self') {
      return { status: 200, body: { data: { ttl: tokens.ttl(live), renewable: live.renewable } } };
    }
    if (path !== 'auth/token/renew-self') return refusal(404, 'unsupported path');
    return answerRenewal(token);
  }

  function answerRenewal(token: string): Reply {
    const renewed = tokens.renew(token);
    if (renewed === 'not renewable') return refusal(400, 'lease is not renewable');
    return renewed === 'past max TTL' ? refusal(500, 'past the max TTL, cannot renew') : answerAuth(token);
  }

  function answerTransit(
    verb: string,
    method: string,
    name: string,
    act: string,
    body: Record<string, unknown>,
  ): Reply {
    const key = keys.get(name);
    if (method === 'keys' && verb === 'POST' && act === '') {
      keys.set(name, createTransitKey({ derived: body['derived'] === true }));
      return { status: 200, body: {} };
    }
    if (method === 'keys' && verb === 'GET') return key === undefined ? refusal(404) : describeKey(key);
    if (verb !== 'POST') return refusal(405, 'unsupported operation');
    if (method === 'rewrap') return rewrap(key, body['batch_input'] as BatchItem[] | undefined);
    if (key === undefined) return refusal(400, 'encryption key not found');
    if (act === 'rotate') {
      key.versions.push(...createTransitKey().versions);
      return { status: 200, body: {} };
    }
    return answerOne(key, method, body);
  }

  function answerOne(key: TransitKey, method: string, item: BatchItem): Reply {
    const context = Buffer.from(item.context ?? '', 'base64');
    try {
      const data =
        method === 'encrypt'
          ? { ciphertext: encrypt(key, item.plaintext ?? '', item.key_version ?? 0, context) }
          : { plaintext: decrypt(key, item.ciphertext ?? '', context) };
      return { status: 200, body: { data } };
    } catch (error) {
      if (error instanceof TransitError) return refusal(400, error.message);
      throw error;
    }
  }

  function rewrap(key: TransitKey | undefined, items: BatchItem[] | undefined): Reply {
    if (!items?.length) return refusal(400, 'missing batch input to process');
    const contexts = items.filter((item) => item.context).length;
    if (contexts !== 0 && contexts !== items.length) {
      return refusal(400, 'context should be set either in all the request blocks or in none');
    }
    if (key === undefined) return refusal(400, 'encryption key not found');
    const results = items.map((item) => ({ ...rewrapItem(key, item), reference: item.reference ?? '' }));
    const failed = results.some((result) => 'error' in result);
    return { status: failed ? double.partialFailureStatus : 200, body: { data: { batch_results: results } } };
  }

  const double: VaultDouble = {
    ...(await startRecordingServer((response, request) => {
      const instead = double.instead(request);
      if (instead === undefined) return void response.destroy();
      const { status, body, headers } = instead ?? answer(request);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
    })),
    rootToken,
    tokens,
    keys,
    nowMs: () => clockMs,
    pass: (ms) => {
      clockMs += ms;
    },
    instead: () => null,
    partialFailureStatus: 200,
  };
  return double;
}

export function refusal(status: number, ...errors: string[]): Reply {
  return { status, body: { errors } };
}

function rewrapItem(key: TransitKey, item: BatchItem): Record<string, unknown> {
  if (!item.ciphertext) return { error: 'missing ciphertext to decrypt' };
  const context = decodeBase64(item.context ?? '');
  if (context === null) return { error: 'illegal base64 data at input byte 0' };
  const version = item.key_version ?? 0;
  try {
    const ciphertext = encrypt(key, decrypt(key, item.ciphertext, context), version, context);
    return { ciphertext, key_version: version || key.versions.length };
  } catch (error) {
    if (error instanceof TransitError) return { error: error.message };
    throw error;
  }
}

function describeKey(key: TransitKey): Reply {
  const able = supportsEncryption(key);
  return {
    status: 200,
    body: {
      data: {
        type: key.type,
        derived: key.derived,
        latest_version: key.versions.length,
        min_available_version: 0,
        min_decryption_version: key.minDecryptionVersion,
        min_encryption_version: key.minEncryptionVersion,
        supports_encryption: able,
        supports_decryption: able,
        soft_deleted: key.softDeleted,
        version_template: key.versionTemplate,
      },
    },
  };
}

function parse(body: string): Record<string, unknown> {
  return body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
}

function countStrings(body: string): number {
  let count = 0;
  if (body !== '') {
    JSON.parse(body, (key: string, value: unknown) => {
      count += (typeof value === 'string' ? 1 : 0) + (/^\d*$/.test(key) ? 0 : 1);
      return value;
    });
  }
  return count;
}
