import { Fault } from '../../rotation/faults.ts';
import { decodeUtf8 } from '../../rotation/formats/utf8.ts';
import type { KeyService, ReEncryptItem, ReEncryptResult } from '../../rotation/ports/key-service.ts';
import type { MeasuredCall } from '../connection/measured-call.ts';
import { createVaultTokenSource, type VaultAuth } from './auth/vault-auth.ts';
import { checkKeyState, keyReply } from './key-state.ts';
import { parseMountPath } from './mount-path.ts';
import { checkKeyId, checkVersionId, prepareItems } from './rewrap-input.ts';
import { readResults, rewrapReply } from './rewrap-result.ts';
import { createTransit } from './transit.ts';
import { createVaultEndpoint } from './vault-endpoint.ts';
import { createVersionPrefix, defaultVersionTemplate } from './version-prefix.ts';

export type { VaultAuth };

export interface VaultKeyServiceOptions {
  /** As in VAULT_ADDR; a path is kept in front of the API's own `/v1`. */
  readonly endpoint: string;
  readonly auth: VaultAuth;
  /** Where the transit engine is; may have slashes in it. `transit` unless given. */
  readonly mount?: string;
  readonly namespace?: string;
  /** PEM certificates, trusted besides the public roots. */
  readonly caPem?: string;
  /** For each HTTP call as a whole. */
  readonly timeoutMs: number;
  /** Connections kept open, so the number of calls that can be in flight. */
  readonly concurrency: number;
  /** Most records in one call; never more than 199, which is what OpenBao takes by default. */
  readonly itemsPerCall: number;
  /** Told of every HTTP call to the transit engine once it has ended. */
  readonly onCall?: (call: MeasuredCall) => void;
}

/**
 * OpenBao takes 1000 strings in one request (`max_request_json_strings`), names of fields included: an item has five,
 * the request one more.
 */
const mostItemsPerCall = 199;

/** The transit engine of HashiCorp Vault or OpenBao. `usage` fault where an option is of no use. Connects with the first call. */
export function createVaultKeyService(options: VaultKeyServiceOptions): KeyService {
  const { endpoint: url, namespace, caPem, timeoutMs } = options;
  const connection = { url, namespace, caPem, timeoutMs };
  const mount = parseMountPath(options.mount ?? 'transit', 'kms.mount');
  const endpoint = createVaultEndpoint(connection, options.concurrency);
  const tokens = createVaultTokenSource(options.auth, connection);
  const callTransit = createTransit(endpoint, mount, tokens, options.onCall ?? (() => {}));
  let prefix = createVersionPrefix(defaultVersionTemplate);

  async function reEncrypt(items: readonly ReEncryptItem[], signal: AbortSignal): Promise<ReEncryptResult[]> {
    const inputs = prepareItems(items);
    const keyId = items[0]?.keyId ?? '';
    const sent = inputs.filter((input) => !(input instanceof Fault));
    const results =
      sent.length === 0
        ? []
        : await callTransit(
            { method: 'rewrap', keyId, body: { batch_input: sent }, reply: rewrapReply },
            signal,
          );
    return readResults(keyId, inputs, results, prefix);
  }

  /** An item that can't be opened harms nothing, and shows whether the token may rewrap. */
  async function proveRight(keyId: string): Promise<void> {
    const body = { batch_input: [{ ciphertext: '' }] };
    await callTransit({ method: 'rewrap', keyId, body, reply: rewrapReply }, undefined);
  }

  return {
    itemsPerCall: Math.min(options.itemsPerCall, mostItemsPerCall),
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
