import { describe, expect, test } from 'vitest';
import { describeCertificate } from '../../src/cli/describe-certificate.ts';
import { certify } from '../../src/rotation/certificate.ts';
import { safeParts as safe } from '../support/certificate-parts.ts';

describe('certificate', () => {
  test('it has the fields of the contract in its form and order, and what else it says after them', () => {
    const certificate = certify(safe);
    expect(Object.entries(certificate).slice(0, 12)).toEqual(
      Object.entries({
        rotation: 'customers-ssn',
        verdict: 'safe-to-retire',
        reasons: [],
        target: { keyId: 'abj1', versionId: 'v2' },
        records: 1000,
        byVersion: { v2: 1000 },
        unreadable: 0,
        method: 'kms',
        configDigest: 'sha256:0',
        startedAt: '2026-01-01T00:00:00.000Z',
        finishedAt: '2026-01-01T00:00:01.000Z',
        tool: 'keyturn 0.1.0',
      }),
    );
    expect(certificate).toMatchObject({
      before: null,
      excluded: null,
      mode: 'rewrap',
      deep: false,
      passes: null,
      audit: null,
      signature: null,
    });
  });

  test('what somebody else knows of the rotation is in it as it is', () => {
    const known = { before: { v1: 900 }, passes: 2, audit: { head: 'ab12', entries: 7 } };
    expect(certify({ ...safe, ...known })).toMatchObject(known);
  });

  test('an application that goes on writing is named as the reason, with the version it writes under', () => {
    const census = { ...safe.census, byVersion: { v1: 3, v2: 997 } };
    const certificate = certify({ ...safe, census, lateWriters: { records: 3, rounds: 3 } });
    expect(certificate.verdict).toBe('not-safe');
    expect(certificate.reasons).toEqual([
      '3 of 1000 records are under version v1, not v2',
      expect.stringMatching(/^the application still writes under version v1: after 3 further passes .* v2/),
    ]);
  });

  test('late writers that a further round has met are no reason', () => {
    expect(certify({ ...safe, lateWriters: { records: 0, rounds: 3 } }).reasons).toEqual([]);
  });

  test('where several old versions are found nobody says which of them the application uses', () => {
    const census = { ...safe.census, byVersion: { v0: 1, v1: 1, v2: 998 } };
    expect(certify({ ...safe, census, lateWriters: { records: 2, rounds: 3 } }).reasons).toContainEqual(
      expect.stringContaining('writes under one of the versions v0, v1'),
    );
  });

  test('rubbish that the application writes is not taken for a ciphertext under an old version', () => {
    const census = { ...safe.census, byVersion: { v2: 999 }, unreadable: 1 };
    expect(certify({ ...safe, census, lateWriters: { records: 1, rounds: 3 } }).reasons).toEqual([
      expect.stringContaining('could not be opened'),
    ]);
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
    const told = certify({ ...safe, caveats });
    expect(told).toMatchObject({ verdict: 'safe-to-retire', reasons: [] });
    expect(told.caveats.slice(0, 2)).toEqual(caveats);
    expect(certify({ ...safe, caveats, openFailures: 1 })).toMatchObject({
      verdict: 'not-safe',
      caveats: told.caveats,
    });
  });

  test('of every store it says that copies stay under the old version, and that disclosure stays', () => {
    expect(certify(safe).caveats).toEqual([
      expect.stringMatching(/backups, replicas and older versions .* stay under the old key version/),
      expect.stringMatching(/does not undo a disclosure/),
      expect.stringMatching(/written later is not covered/),
    ]);
  });

  test('a person reads the verdict with its reasons, and each caveat on a line of its own', () => {
    const census = { ...safe.census, byVersion: { v1: 1, v2: 998 }, unreadable: 1 };
    const excluded = { what: 'rows without\na tenant', records: 5, exact: false };
    const caveats = ['no replicas', 'no backups'];
    const certificate = { ...certify({ ...safe, census, excluded }), caveats };
    expect(describeCertificate(certificate).split('\n')).toEqual([
      '1000 records read (kms):',
      '  1 under v1',
      '  998 under v2 (target)',
      '  1 unreadable',
      'left out: about 5 rows without a tenant',
      'verdict: not-safe',
      '  - 1 of 1000 records are under version v1, not v2',
      expect.stringMatching(/^ {2}- 1 records could not be opened/),
      'note: no replicas',
      'note: no backups',
    ]);
  });
});
