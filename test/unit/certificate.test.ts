import { describe, expect, test } from 'vitest';
import { describeCertificate } from '../../src/cli/describe-certificate.ts';
import { certify, type CertificateParts } from '../../src/rotation/certificate.ts';

const safe: CertificateParts = {
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
  configDigest: 'sha256:0',
  tool: 'keyturn 0.1.0',
};

describe('certificate', () => {
  test('it has the fields and the form of the contract', () => {
    expect(certify(safe)).toEqual({
      rotation: 'customers-ssn',
      verdict: 'safe-to-retire',
      reasons: [],
      caveats: [],
      target: { keyId: 'abj1', versionId: 'v2' },
      records: 1000,
      byVersion: { v2: 1000 },
      unreadable: 0,
      method: 'kms',
      configDigest: 'sha256:0',
      startedAt: '2026-01-01T00:00:00.000Z',
      finishedAt: '2026-01-01T00:00:01.000Z',
      tool: 'keyturn 0.1.0',
    });
  });

  test.each([
    [
      'one record under another version',
      { census: { ...safe.census, byVersion: { v1: 1, v2: 999 } } },
      'version v1',
    ],
    ['one unreadable record', { census: { ...safe.census, unreadable: 1 } }, 'could not be opened'],
    ['a header that the KMS does not confirm', { census: { ...safe.census, contradicted: 1 } }, '--deep'],
    ['an open failure', { openFailures: 1 }, 'failed records are open'],
  ])('it is not safe with %s, and says so', (_what, change, reason) => {
    const certificate = certify({ ...safe, ...change });
    expect(certificate.verdict).toBe('not-safe');
    expect(certificate.reasons).toEqual([expect.stringContaining(reason)]);
  });

  test('what the store cannot show is said in it, and makes it neither safe nor unsafe', () => {
    const caveats = ['older versions of the objects are not read', 'nor are replicas'];
    expect(certify({ ...safe, caveats })).toMatchObject({ verdict: 'safe-to-retire', reasons: [], caveats });
    expect(certify({ ...safe, caveats, openFailures: 1 })).toMatchObject({ verdict: 'not-safe', caveats });
  });

  test('a person reads the verdict with its reasons, and each caveat on a line of its own', () => {
    const census = { ...safe.census, byVersion: { v1: 1, v2: 998 }, unreadable: 1 };
    const certificate = certify({ ...safe, census, caveats: ['no replicas', 'no backups'] });
    expect(describeCertificate(certificate).split('\n')).toEqual([
      '1000 records read (kms):',
      '  1 under v1',
      '  998 under v2 (target)',
      '  1 unreadable',
      'verdict: not-safe',
      '  - 1 of 1000 records are under version v1, not v2',
      expect.stringMatching(/^ {2}- 1 records could not be opened/),
      'note: no replicas',
      'note: no backups',
    ]);
  });
});
