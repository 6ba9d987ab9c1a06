import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { canonicalJson } from '../rotation/canonical-json.ts';
import type { Certificate } from '../rotation/certificate.ts';
import { describeKey } from './certificate-key.ts';

/** The certificate with a signature (Ed25519, RFC 8032) over all else that it says. */
export function signCertificate(certificate: Certificate, privateKey: KeyObject): Certificate {
  return {
    ...certificate,
    signature: {
      algorithm: 'Ed25519',
      ...describeKey(createPublicKey(privateKey)),
      value: sign(null, signedBytes(certificate), privateKey).toString('base64'),
    },
  };
}

/** What a signature is over: the canonical JSON of all members but the signature itself. */
export function signedBytes(certificate: object): Buffer {
  const members = Object.entries(certificate).filter(([name]) => name !== 'signature');
  return Buffer.from(canonicalJson(Object.fromEntries(members)));
}
