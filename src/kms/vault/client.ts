import { Fault } from '../../rotation/faults.ts';
import { decodeUtf8 } from '../../rotation/formats/utf8.ts';
import type { KeyService, ReEncryptItem, ReEncryptResult } from '../../rotation/ports/key-service.ts';
import type { OnCall } from '../connection/call-with-token.ts';
import { createVaultTokenSource, type VaultAuth } from './auth/vault-auth.ts';
import { checkKeyState, keyReply } from './key-state.ts';
import { parseMountPath } from './mount-path.ts';
import { checkKeyId, checkVersionId, nameCall, prepareItems, type RewrapInput } from './rewrap-input.ts';
import { checkReference, readResults, rewrapReply } from './rewrap-result.ts';
import { createTransit } from './transit.ts';
import { createVaultEndpoint } from './vault-endpoint.ts';
import { createVersionPrefix, defaultVersionTemplate } from './version-prefix.ts';

export type { VaultAuth };

export interface VaultKeyServiceOptions {
  /** As in VAULT_ADDR; a path is kept in front of the API's own `/v1`. */
  readonly endpoint: string;
  readonly auth: VaultAuth;
  /** Where the transit engine is; may have slashes in it. */
  readonly mount: string;
  readonly namespace?: string;
  /** PEM certificates, trusted besides the public roots. */
  readonly caPem?: string;
  /** For each HTTP call as a whole. */
  readonly timeoutMs: number;
  /** Connections kept open, so the number of calls that can be in flight. */
  readonly concurrency: number;
  /** Most records in one call, to begin with. */
  readonly itemsPerCall: number;
  /** Told of every HTTP call to the transit engine. */
  readonly onCall?: OnCall;
}

/**
 * The transit engine of HashiCorp Vault or OpenBao. `usage` fault where an option is of no use. Connects with
 * the first call. Where the server refuses a request as too large (OpenBao takes 1000 strings in one unless
 * `max_request_json_strings` is raised, and an item has three to five), later calls have half as many items.
 */
export function createVaultKeyService(options: VaultKeyServiceOptions): KeyService {
  const { endpoint: url, namespace, caPem, timeoutMs } = options;
  const connection = { url, namespace, caPem, timeoutMs };
  const mount = parseMountPath(options.mount, 'kms.mount');
  const endpoint = createVaultEndpoint(connection, options.concurrency);
  const tokens = createVaultTokenSource(options.auth, connection);
  const callTransit = createTransit(endpoint, mount, tokens, options.onCall ?? (() => () => undefined));
  let prefix = createVersionPrefix(defaultVersionTemplate);
  let { itemsPerCall } = options;

  async function reEncrypt(items: readonly ReEncryptItem[], signal: AbortSignal): Promise<ReEncryptResult[]> {
    const inputs = prepareItems(items);
    const keyId = items[0]?.keyId ?? '';
    const sent = inputs.flatMap((input) => (input instanceof Fault ? [] : [input]));
    const results = sent.length === 0 ? [] : await rewrap(keyId, nameCall(sent), signal);
    return readResults(keyId, inputs, results, prefix);
  }

  async function rewrap(keyId: string, sent: readonly RewrapInput[], signal: AbortSignal) {
    try {
      const call = { method: 'rewrap', keyId, body: { batch_input: sent }, reply: rewrapReply } as const;
      const results = await callTransit(call, signal);
      checkReference(sent, results);
      return results;
    } catch (error) {
      if (error instanceof Fault && error.code === 'REQUEST_TOO_LARGE' && sent.length > 1)
        itemsPerCall = Math.min(itemsPerCall, Math.ceil(sent.length / 2));
      throw error;
    }
  }

  /** An item that can't be opened harms nothing, and shows whether the token may rewrap. */
  async function proveRight(keyId: string): Promise<void> {
    const body = { batch_input: [{ ciphertext: '' }] };
    await callTransit({ method: 'rewrap', keyId, body, reply: rewrapReply }, undefined);
  }

  return {
    get itemsPerCall() {
      return itemsPerCall;
    },
    reEncrypt,

    async currentVersion(keyId, versionId) {
      checkKeyId(keyId);
      const wanted = versionId === undefined ? null : checkVersionId(versionId);
      const key = await callTransit({ method: 'keys', keyId, reply: keyReply }, undefined);
      const version = wanted ?? key.latest_version;
      checkKeyState(key, version);
      await proveRight(keyId);
      prefix = createVersionPrefix(key.version_template);
      return String(version);
    },

    readVersion(ciphertext) {
      const text = decodeUtf8(ciphertext);
      return text === null ? null : prefix.read(text);
    },

    async close() {
      await Promise.all([endpoint.close(), tokens.close()]);
    },
  };
}
