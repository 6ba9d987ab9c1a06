import { describe, expect, test } from 'vitest';
import { planDigest, planParts } from '../../src/config/plan-digest.ts';
import { describeDifference } from '../../src/rotation/plan-parts.ts';
import { minimalConfig, parseWith } from '../support/parse-config.ts';

const { kms, store } = minimalConfig;

function digestWith(changes: object): string {
  return planDigest(parseWith(changes).config);
}

describe('plan digest', () => {
  const digest = digestWith({});

  test('is a SHA-256 in hex', () => {
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test.each([
    [
      'user and password',
      { store: { ...store, url: 'postgresql://other:secret@host:5432/db?sslmode=require' } },
    ],
    ['limits', { limits: { rate: 1 }, retry: { attempts: 1 }, metrics: {}, log: { level: 'debug' } }],
    ['ways to reach the KMS', { kms: { ...kms, endpoint: 'http://127.0.0.1:1', auth: { metadata: true } } }],
    ['broker', { broker: 'redis://h' }],
    ['the share of writes that is checked', { verifyWrites: { sample: 1 } }],
    ['an AAD that is empty anyway', { source: { keyId: 'abj1', aadContext: '' } }],
    ['a journal that is off, said or not', { store: { ...store, journal: false } }],
    ['the order of keys in the file', { store: Object.fromEntries(Object.entries(store).toReversed()) }],
  ])('%s may change within a pass', (_name, changes) => {
    expect(digestWith(changes)).toBe(digest);
  });

  test.each([
    ['rotation', { rotation: 'other' }],
    ['source key', { source: { keyId: 'abj2' } }],
    ['source AAD', { source: { keyId: 'abj1', aadContext: '{id}' } }],
    ['target key', { target: { keyId: 'abj2' } }],
    ['target version', { target: { keyId: 'abj1', versionId: 'v2' } }],
    ['target AAD', { target: { keyId: 'abj1', aadContext: '{id}' } }],
    ['host', { store: { ...store, url: 'postgres://user@other/db' } }],
    ['port', { store: { ...store, url: 'postgres://user@host:5433/db' } }],
    ['socket directory', { store: { ...store, url: 'postgres://user@host/db?host=/run/pg' } }],
    ['database', { store: { ...store, url: 'postgres://user@host/other' } }],
    ['table', { store: { ...store, table: 'other' } }],
    ['key columns', { store: { ...store, key: ['id', 'tenant'] } }],
    ['order of key columns, which the cursor depends on', { store: { ...store, key: ['tenant', 'id'] } }],
    ['column', { store: { ...store, column: 'other' } }],
    ['where', { store: { ...store, where: 'true' } }],
    ['versionColumn', { store: { ...store, versionColumn: 'v' } }],
    ['the journal, or some workers would not keep it', { store: { ...store, journal: true } }],
    ['format', { format: 'hex' }],
    ['pointer', { format: { json: '/a', format: 'base64' } }],
    ['mode', { format: 'envelope', mode: 'regenerate', allowPlaintext: true }],
    ['kind of store', { store: { type: 's3', bucket: 'backups' } }],
  ])('%s may not', (_name, changes) => {
    expect(digestWith(changes)).not.toBe(digest);
  });
});

describe('the digest of a store of objects, or of the user’s own', () => {
  const s3 = { type: 's3', bucket: 'backups', prefix: 'a/' };
  const own = { type: 'module', module: './my-store.js', options: { url: 'https://records' } };

  test('knows a way to the same place', () => {
    expect(digestWith({ store: { ...s3, caFile: 'ca.pem' } })).toBe(digestWith({ store: s3 }));
  });

  test.each([
    [s3, { ...s3, bucket: 'others' }],
    [s3, { ...s3, prefix: '' }],
    [s3, { ...s3, endpoint: 'https://s3.example' }],
    [s3, { ...s3, ciphertext: { metadata: 'key' } }],
    [own, { ...own, module: './other.js' }],
    // They may name the place of the records: only the module knows.
    [own, { ...own, options: { url: 'https://others' } }],
  ])('is another for another place: %j, %j', (store, other) => {
    expect(digestWith({ store: other })).not.toBe(digestWith({ store }));
  });
});

test('a new data key of another size is another plan', () => {
  const regenerate = { format: 'envelope', mode: 'regenerate', allowPlaintext: true };
  expect(digestWith({ ...regenerate, dataKeySpec: 'AES_128' })).not.toBe(digestWith(regenerate));
});

describe('what differs is named', () => {
  const began = planParts(parseWith({}).config);

  test.each([
    ['source', { source: { keyId: 'abj1', aadContext: '{id}' } }],
    ['target', { target: { keyId: 'abj2' } }],
    ['target.versionId', { target: { keyId: 'abj1', versionId: 'v2' } }],
    ['store', { store: { ...store, column: 'other' } }],
    ['format', { format: 'hex' }],
    ['format and mode', { format: 'envelope', mode: 'regenerate', allowPlaintext: true }],
    [
      'source, store and format',
      { source: { keyId: 'x' }, store: { ...store, where: 'true' }, format: 'hex' },
    ],
  ])('%s', (named, changes) => {
    expect(describeDifference(began, planParts(parseWith(changes).config))).toBe(named);
  });

  test('not what may change', () => {
    const other = { store: { ...store, url: 'postgresql://other:secret@host:5432/db' }, limits: { rate: 1 } };
    expect(planParts(parseWith(other).config)).toEqual(began);
  });

  test('all that may, for a pass that an older keyturn began', () => {
    expect(describeDifference(null, began)).toBe('source, target, target.versionId, store, format or mode');
  });
});

test('a pass of an older keyturn goes on: the digest of a config is what it was', () => {
  expect(digestWith({})).toBe('sha256:b600b199445e3f6858ecc29b306759a14a5d81a5eb04e2b40e205e5a6d895bf1');
});
