import { z } from 'zod';

/** What a test does at a Vault beside the key service, over HTTP: on the double and on real servers alike. */
export interface VaultAdmin {
  /** Any call; `usage` of statuses is the caller's. Throws where it is no success. */
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  createKey(keyId: string, options?: Readonly<Record<string, unknown>>): Promise<void>;
  rotateKey(keyId: string): Promise<void>;
  encrypt(keyId: string, plaintext: Uint8Array, context: Uint8Array, version?: number): Promise<Uint8Array>;
  decrypt(keyId: string, ciphertext: Uint8Array, context: Uint8Array): Promise<Uint8Array>;
}

export interface VaultAddress {
  readonly url: string;
  readonly token: string;
  readonly mount: string;
}

const encrypted = z.object({ data: z.object({ ciphertext: z.string() }) });
const decrypted = z.object({ data: z.object({ plaintext: z.base64() }) });

export function createVaultAdmin({ url, token, mount }: VaultAddress): VaultAdmin {
  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${url}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': token, 'x-vault-request': 'true', 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: HTTP ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  return {
    call,
    createKey: async (keyId, options = {}) => void (await call('POST', `${mount}/keys/${keyId}`, options)),
    rotateKey: async (keyId) => void (await call('POST', `${mount}/keys/${keyId}/rotate`, {})),
    async encrypt(keyId, plaintext, context, version = 0) {
      const body = { plaintext: base64(plaintext), context: base64(context), key_version: version };
      const reply = encrypted.parse(await call('POST', `${mount}/encrypt/${keyId}`, body));
      return Buffer.from(reply.data.ciphertext);
    },
    async decrypt(keyId, ciphertext, context) {
      const body = { ciphertext: Buffer.from(ciphertext).toString(), context: base64(context) };
      const reply = decrypted.parse(await call('POST', `${mount}/decrypt/${keyId}`, body));
      return Buffer.from(reply.data.plaintext, 'base64');
    },
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
