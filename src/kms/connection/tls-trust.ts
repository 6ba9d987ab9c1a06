import { X509Certificate } from 'node:crypto';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { Fault } from '../../rotation/faults.ts';

const certificateBlocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * TLS 1.2 at least. With `caPem`, its certificates are trusted besides the public roots, because the KMS and
 * the token service need not share an authority. `usage` fault if it holds none.
 */
export function createTlsTrust(caPem: string | undefined): SecureContext {
  if (caPem === undefined) return createSecureContext({ minVersion: 'TLSv1.2' });
  return createSecureContext({
    minVersion: 'TLSv1.2',
    ca: [...rootCertificates, ...readCertificates(caPem)],
  });
}

/** OpenSSL skips in silence what it can't read, so that the first call would fail with a puzzle. */
function readCertificates(pem: string): string[] {
  const blocks = pem.match(certificateBlocks) ?? [];
  if (blocks.length === 0 || !blocks.every(isCertificate)) {
    throw new Fault('usage', 'BAD_CA', 'kms.caFile holds no readable PEM certificate, or a damaged one');
  }
  return blocks;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
