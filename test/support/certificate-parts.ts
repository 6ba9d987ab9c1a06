import type { CertificateParts } from '../../src/rotation/certificate.ts';

/** What a certificate is made of, where all is well. */
export const safeParts: CertificateParts = {
  rotation: 'customers-ssn',
  target: { keyId: 'abj1', versionId: 'v2' },
  census: {
    records: 1000,
    byVersion: { v2: 1000 },
    unreadable: 0,
    contradicted: 0,
    method: 'kms',
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:00:01.000Z',
  },
  openFailures: 0,
  caveats: [],
  excluded: null,
  mode: 'rewrap',
  deep: false,
  configDigest: 'sha256:0',
  tool: 'keyturn 0.1.0',
};
