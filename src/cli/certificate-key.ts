import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { Fault } from '../rotation/faults.ts';
import { readNamedText } from './named-file.ts';

/** The public half of a key that signs certificates. */
export interface CertificateKey {
  /** SubjectPublicKeyInfo (RFC 8410), base64. */
  readonly publicKey: string;
  /** `sha256:` and the first 16 hex digits of the digest of that. */
  readonly keyId: string;
}

/** The key of the file that `--sign-key` names. Usage fault where it is no Ed25519 private key. */
export async function readSignKey(file: string): Promise<KeyObject> {
  const pem = await readNamedText('--sign-key', file);
  const key = attempt(() => createPrivateKey(pem));
  if (key?.asymmetricKeyType === 'ed25519') return key;
  const encrypted = pem.includes('ENCRYPTED') ? ', or it is encrypted' : '';
  throw new Fault(
    'usage',
    'BAD_SIGN_KEY',
    `--sign-key: ${file} holds no Ed25519 private key in PEM (PKCS#8)${encrypted}; ` +
      '`openssl genpkey -algorithm ed25519` makes one',
  );
}

/** The key of the file that `--public-key` names. Usage fault where it is no Ed25519 public key. */
export async function readPublicKey(file: string): Promise<KeyObject> {
  const pem = await readNamedText('--public-key', file);
  // OpenSSL would also take the private key, which nobody shall hand out to have a certificate checked.
  const key = pem.includes('-----BEGIN PUBLIC KEY-----') ? attempt(() => createPublicKey(pem)) : null;
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new Fault(
    'usage',
    'BAD_PUBLIC_KEY',
    `--public-key: ${file} holds no Ed25519 public key in PEM (SPKI); ` +
      '`openssl pkey -in <private key> -pubout` makes it of the private one',
  );
}

export function describeKey(publicKey: KeyObject): CertificateKey {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const digest = createHash('sha256').update(spki).digest('hex');
  return { publicKey: spki.toString('base64'), keyId: `sha256:${digest.slice(0, 16)}` };
}

function attempt(parse: () => KeyObject): KeyObject | null {
  try {
    return parse();
  } catch {
    return null;
  }
}
