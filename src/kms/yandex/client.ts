import { Fault } from '../../rotation/faults.ts';
import type { DataKeySpec } from '../../rotation/ports/data-key-service.ts';
import type { KeyService, ReEncryptItem, ReEncryptResult } from '../../rotation/ports/key-service.ts';
import { createTokenSource, type YandexAuth } from './auth/yandex-auth.ts';
import { readCiphertextVersion } from './ciphertext-header.ts';
import { orThrow, type OnCall } from '../connection/call-with-token.ts';
import { checkAad, checkCiphertext, checkId, checkPlaintext } from './limits.ts';
import { createWriteReEncryptBody, encode } from './re-encrypt-body.ts';
import { createRefuseRepeated } from './repeated-reply.ts';
import { decryptReply, encryptReply, generateDataKeyReply, reEncryptReply, versionReply } from './replies.ts';
import { createSymmetricCrypto } from './symmetric-crypto.ts';
import { createYandexEndpoint } from './yandex-endpoint.ts';

export type { YandexAuth };

export interface YandexKeyServiceOptions {
  /** `https://kms.yandex`; a path is kept in front of the API's own. */
  readonly endpoint: string;
  readonly auth: YandexAuth;
  /** PEM certificates, trusted besides the public roots. */
  readonly caPem?: string;
  /** For each HTTP call as a whole. */
  readonly timeoutMs: number;
  /** Connections kept open, so the number of calls that can be in flight. */
  readonly concurrency: number;
  /** Told of every HTTP call to the KMS. */
  readonly onCall?: OnCall;
}

export interface EncryptRequest {
  readonly keyId: string;
  /** The primary version unless given. */
  readonly versionId?: string;
  /** 8192 bytes at most; may be empty. */
  readonly aad: Uint8Array;
  /** 32768 bytes at most. */
  readonly plaintext: Uint8Array;
}

export interface DecryptRequest {
  readonly keyId: string;
  readonly aad: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface DataKeyRequest {
  readonly keyId: string;
  /** The primary version unless given. */
  readonly versionId?: string;
  readonly aad: Uint8Array;
  readonly dataKeySpec: DataKeySpec;
  /** True: `plaintext` comes back empty. */
  readonly skipPlaintext?: boolean;
}

/** The key and version that a reply names. */
interface UsedVersion {
  readonly keyId: string;
  readonly versionId: string;
}

/**
 * Yandex Cloud KMS over REST. Beyond the port: `encrypt`, `decrypt` and `generateDataKey` throw faults of
 * class `record` too, as there is no item to return them with.
 */
export interface YandexKeyService extends KeyService {
  encrypt(
    request: EncryptRequest,
    signal?: AbortSignal,
  ): Promise<UsedVersion & { readonly ciphertext: Uint8Array }>;
  decrypt(
    request: DecryptRequest,
    signal?: AbortSignal,
  ): Promise<UsedVersion & { readonly plaintext: Uint8Array }>;
  generateDataKey(
    request: DataKeyRequest,
    signal?: AbortSignal,
  ): Promise<UsedVersion & { readonly plaintext: Uint8Array; readonly ciphertext: Uint8Array }>;
}

/** `usage` fault where an option is of no use. Connects with the first call. */
export function createYandexKeyService(options: YandexKeyServiceOptions): YandexKeyService {
  const { caPem, timeoutMs } = options;
  const endpoint = createYandexEndpoint({
    url: options.endpoint,
    setting: 'kms.endpoint',
    name: 'KMS',
    connections: options.concurrency,
    caPem,
    timeoutMs,
  });
  const tokens = createTokenSource(options.auth, { caPem, timeoutMs });
  const callKms = createSymmetricCrypto(endpoint, tokens, options.onCall ?? (() => () => undefined));

  const refuseRepeated = createRefuseRepeated();
  const writeBody = createWriteReEncryptBody();

  /** No async function: with the promise of the HTTP call alone, each record costs less. */
  function reEncrypt(item: ReEncryptItem, signal: AbortSignal): Promise<ReEncryptResult[]> {
    let body;
    try {
      body = writeBody(item);
    } catch (error) {
      return stayWithItem(error);
    }
    const { keyId, ciphertext } = item;
    const call = {
      keyId,
      method: 'reEncrypt',
      body,
      reply: reEncryptReply,
      subject: 'ciphertext',
    } as const;
    return callKms(call, signal, (reply) => {
      if (reply instanceof Fault) return stayWithItem(reply);
      refuseRepeated(reply.ciphertext, ciphertext);
      return [reply];
    });
  }

  return {
    itemsPerCall: 1,
    readVersion: readCiphertextVersion,

    reEncrypt: ([item], signal) => (item === undefined ? Promise.resolve([]) : reEncrypt(item, signal)),

    async currentVersion(keyId, versionId) {
      checkTarget(keyId, versionId);
      const body = JSON.stringify({ versionId, dataKeySpec: 'AES_256', skipPlaintext: true });
      const call = { keyId, method: 'generateDataKey', body, reply: versionReply, subject: null };
      return (await callKms(call, undefined, orThrow)).versionId;
    },

    async encrypt({ keyId, versionId, aad, plaintext }, signal) {
      checkTarget(keyId, versionId);
      checkAad(aad);
      checkPlaintext(plaintext);
      const body = JSON.stringify({
        versionId,
        aadContext: encodeOptional(aad),
        plaintext: encode(plaintext),
      });
      return callKms(
        { keyId, method: 'encrypt', body, reply: encryptReply, subject: 'plaintext' },
        signal,
        orThrow,
      );
    },

    async decrypt({ keyId, aad, ciphertext }, signal) {
      checkId(keyId, 'key id');
      checkAad(aad);
      checkCiphertext(ciphertext);
      const body = JSON.stringify({ aadContext: encodeOptional(aad), ciphertext: encode(ciphertext) });
      return callKms(
        { keyId, method: 'decrypt', body, reply: decryptReply, subject: 'ciphertext' },
        signal,
        orThrow,
      );
    },

    async generateDataKey({ keyId, versionId, aad, dataKeySpec, skipPlaintext = false }, signal) {
      checkTarget(keyId, versionId);
      checkAad(aad);
      const body = JSON.stringify({ versionId, aadContext: encodeOptional(aad), dataKeySpec, skipPlaintext });
      const call = { keyId, method: 'generateDataKey', body, reply: generateDataKeyReply, subject: null };
      const reply = await callKms(call, signal, orThrow);
      refuseRepeated(reply.ciphertext, null);
      return reply;
    },

    async close() {
      await Promise.all([endpoint.close(), tokens.close()]);
    },
  };
}

/** Only a fault of class `record` does. */
async function stayWithItem(error: unknown): Promise<ReEncryptResult[]> {
  if (error instanceof Fault && error.faultClass === 'record') return [error];
  throw error;
}

function checkTarget(keyId: string, versionId: string | undefined): void {
  checkId(keyId, 'key id');
  if (versionId !== undefined) checkId(versionId, 'version id');
}

function encodeOptional(bytes: Uint8Array): string | undefined {
  return bytes.length === 0 ? undefined : encode(bytes);
}
