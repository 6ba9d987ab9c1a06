import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  type CipherGCMTypes,
  type KeyObject,
} from 'node:crypto';

const versionIdLength = 20;
const saltLength = 16;
const ivLength = 12;
const tagLength = 16;
const formatVersion = 1;

const saltAt = 4 + 4 + versionIdLength + 4;
const ivAt = saltAt + saltLength + 4;
/** Bytes before the AES-GCM output. */
export const headerLength = ivAt + ivLength;
/** How much longer a ciphertext is than its plaintext. */
export const ciphertextOverhead = headerLength + tagLength;

/** A ciphertext taken apart. Nothing of it is authenticated yet. */
export interface CiphertextParts {
  readonly header: Buffer;
  readonly versionId: string;
  readonly iv: Buffer;
  /** The AES-GCM output, without its tag. */
  readonly body: Buffer;
  readonly tag: Buffer;
}

/** What a ciphertext is bound to besides its bytes: it opens under this key and this AAD context only. */
export interface Binding {
  readonly keyId: string;
  readonly aadContext: Buffer;
}

/**
 * The header of the layout
 * `u32be 1 | u32be 20 | version id | u32be 16 | salt | u32be 12 | IV | body | tag`,
 * which is that of public samples of Yandex KMS. `versionId` must be 20 ASCII characters.
 */
export function encodeHeader(versionId: string, salt: Buffer, iv: Buffer): Buffer {
  const header = Buffer.allocUnsafe(headerLength);
  header.writeUInt32BE(formatVersion, 0);
  header.writeUInt32BE(versionIdLength, 4);
  header.write(versionId, 8, versionIdLength, 'latin1');
  header.writeUInt32BE(saltLength, saltAt - 4);
  salt.copy(header, saltAt);
  header.writeUInt32BE(ivLength, ivAt - 4);
  iv.copy(header, ivAt);
  return header;
}

/** Null unless the bytes have the layout that `encodeHeader` tells. */
export function decodeCiphertext(bytes: Buffer): CiphertextParts | null {
  if (bytes.length < ciphertextOverhead) return null;
  const wellFormed =
    bytes.readUInt32BE(0) === formatVersion &&
    bytes.readUInt32BE(4) === versionIdLength &&
    bytes.readUInt32BE(saltAt - 4) === saltLength &&
    bytes.readUInt32BE(ivAt - 4) === ivLength;
  if (!wellFormed) return null;
  return {
    header: bytes.subarray(0, headerLength),
    versionId: bytes.toString('latin1', 8, 8 + versionIdLength),
    iv: bytes.subarray(ivAt, headerLength),
    body: bytes.subarray(headerLength, -tagLength),
    tag: bytes.subarray(-tagLength),
  };
}

/**
 * Encrypts under a key version with AES-GCM. What Yandex keeps in the 16 bytes named salt is not known; here
 * they are random. The whole header and the binding are authenticated.
 */
export function seal(secret: KeyObject, versionId: string, binding: Binding, plaintext: Buffer): Buffer {
  const random = randomBytes(saltLength + ivLength);
  const iv = random.subarray(saltLength);
  const header = encodeHeader(versionId, random.subarray(0, saltLength), iv);
  const cipher = createCipheriv(gcm(secret), secret, iv, { authTagLength: tagLength });
  cipher.setAAD(authenticated(header, binding));
  return Buffer.concat([header, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext of what `seal` made; null if the ciphertext, the secret or the binding is another. */
export function open(secret: KeyObject, binding: Binding, parts: CiphertextParts): Buffer | null {
  const decipher = createDecipheriv(gcm(secret), secret, parts.iv, { authTagLength: tagLength });
  decipher.setAAD(authenticated(parts.header, binding));
  decipher.setAuthTag(parts.tag);
  const plaintext = decipher.update(parts.body);
  try {
    decipher.final();
  } catch {
    // Node tells a failed authentication by throwing here, and by nothing else.
    return null;
  }
  return plaintext;
}

/** The key id stands behind its length, so that no part of it can pass for AAD context. */
function authenticated(header: Buffer, { keyId, aadContext }: Binding): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(Buffer.byteLength(keyId), 0);
  return Buffer.concat([header, length, Buffer.from(keyId), aadContext]);
}

function gcm(secret: KeyObject): CipherGCMTypes {
  switch (secret.symmetricKeySize) {
    case 16:
      return 'aes-128-gcm';
    case 24:
      return 'aes-192-gcm';
    default:
      return 'aes-256-gcm';
  }
}
