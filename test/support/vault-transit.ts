import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** A key of the engine as Vault keeps it. Versions count from 1. */
export interface TransitKey {
  readonly type: string;
  readonly derived: boolean;
  /** As an imported key may have one. */
  readonly versionTemplate: string;
  readonly versions: Buffer[];
  minDecryptionVersion: number;
  minEncryptionVersion: number;
  softDeleted: boolean;
}

/** What Vault says of one request or item, in its own words (sdk/helper/keysutil/policy.go). */
export class TransitError extends Error {}

export function createTransitKey(
  options: Partial<Pick<TransitKey, 'type' | 'derived' | 'versionTemplate'>> = {},
): TransitKey {
  return {
    type: 'aes256-gcm96',
    derived: false,
    versionTemplate: 'vault:v{{version}}:',
    versions: [randomBytes(32)],
    minDecryptionVersion: 1,
    minEncryptionVersion: 0,
    softDeleted: false,
    ...options,
  };
}

/** `plaintext` in base64; version 0 is the latest. */
export function encrypt(key: TransitKey, plaintext: string, version: number, context: Buffer): string {
  checkUse(key, 'encryption');
  const latest = key.versions.length;
  if (version < 0) throw new TransitError('requested version for encryption is negative');
  if (version > latest) {
    throw new TransitError('requested version for encryption is higher than the latest key version');
  }
  if (version !== 0 && version < key.minEncryptionVersion) {
    throw new TransitError(
      'requested version for encryption is less than the minimum encryption key version',
    );
  }
  const used = version || latest;
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', readKey(key, used, context), nonce);
  const sealed = [
    nonce,
    cipher.update(Buffer.from(plaintext, 'base64')),
    cipher.final(),
    cipher.getAuthTag(),
  ];
  return key.versionTemplate.replace('{{version}}', String(used)) + Buffer.concat(sealed).toString('base64');
}

/** In base64. */
export function decrypt(key: TransitKey, ciphertext: string, context: Buffer): string {
  checkUse(key, 'decryption');
  const [before = '', after = ''] = key.versionTemplate.split('{{version}}');
  if (!ciphertext.startsWith(before)) throw new TransitError('invalid ciphertext: no prefix');
  const rest = ciphertext.slice(before.length);
  const end = rest.indexOf(after);
  if (end < 0) throw new TransitError('invalid ciphertext: wrong number of fields');
  if (!/^[+-]?\d+$/.test(rest.slice(0, end))) {
    throw new TransitError('invalid ciphertext: version number could not be decoded');
  }
  const version = Number(rest.slice(0, end)) || 1;
  if (version > key.versions.length) throw new TransitError('invalid ciphertext: version is too new');
  if (version < key.minDecryptionVersion) {
    throw new TransitError('ciphertext or signature version is disallowed by policy (too old)');
  }
  const sealed = decodeBase64(rest.slice(end + after.length));
  if (sealed === null) throw new TransitError('invalid ciphertext: could not decode base64');
  const secret = readKey(key, version, context);
  if (sealed.length < 12 + 16) throw new TransitError('invalid ciphertext length');
  const decipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('base64');
  } catch {
    throw new TransitError('cipher: message authentication failed');
  }
}

export function supportsEncryption(key: TransitKey): boolean {
  return key.type === 'aes256-gcm96';
}

/** As Go's StdEncoding: padded, line breaks skipped; null where it is none. */
export function decodeBase64(text: string): Buffer | null {
  const joined = text.replace(/[\r\n]/g, '');
  return /^(?:[\w+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(joined) && !joined.includes('_')
    ? Buffer.from(joined, 'base64')
    : null;
}

function checkUse(key: TransitKey, use: 'encryption' | 'decryption'): void {
  if (key.softDeleted) throw new TransitError('refusing to use soft-deleted key');
  if (!supportsEncryption(key)) {
    throw new TransitError(`message ${use} not supported for key type ${key.type}`);
  }
}

function readKey(key: TransitKey, version: number, context: Buffer): Buffer {
  const secret = key.versions[version - 1];
  if (secret === undefined) throw new TransitError('no such key version');
  if (!key.derived) return secret;
  if (context.length === 0) {
    throw new TransitError(
      "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key",
    );
  }
  return Buffer.from(hkdfSync('sha256', secret, '', context, 32));
}
