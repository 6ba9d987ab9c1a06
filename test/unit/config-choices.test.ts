import { describe, expect, test } from 'vitest';
import { minimalConfig, parseWith, problemsWith } from '../support/parse-config.ts';

const vault = { provider: 'vault', endpoint: 'https://vault:8200/', auth: { token: 'hvs.token' } };
const s3 = { type: 's3', bucket: 'backups' };
const key = { keyId: 'app' };

describe('kms: vault', () => {
  test.each([
    ['a token', { token: 'hvs.token' }, { kind: 'token', token: 'hvs.token' }],
    [
      'AppRole',
      { appRole: { roleIdFile: 'role', secretIdFile: '/run/secret' } },
      {
        kind: 'appRole',
        roleIdFile: '/etc/keyturn/role',
        secretIdFile: '/run/secret',
        mount: 'approle',
      },
    ],
    [
      'Kubernetes',
      { kubernetes: { role: 'rotate', tokenFile: '/run/token', mount: 'k8s/prod' } },
      { kind: 'kubernetes', role: 'rotate', tokenFile: '/run/token', mount: 'k8s/prod' },
    ],
  ])('by %s', (_name, auth, expected) => {
    const { config } = parseWith({ kms: { ...vault, auth }, source: key, target: key, format: 'text' });
    expect(config.kms).toEqual({
      provider: 'vault',
      endpoint: 'https://vault:8200',
      mount: 'transit',
      namespace: null,
      auth: expected,
      caFile: null,
      timeoutMs: 10_000,
    });
  });

  test.each([
    [
      { ...vault, auth: {} },
      'kms.auth: names no way to authenticate; give exactly one of token, appRole, kubernetes',
    ],
    [
      { ...vault, auth: { token: 'a', kubernetes: { role: 'r' } } },
      'kms.auth: names token and kubernetes; give exactly one of token, appRole, kubernetes',
    ],
    [
      { ...vault, auth: { token: 'a b' } },
      'kms.auth.token: holds blanks or other characters that no token has; give the token alone',
    ],
    [
      { ...vault, mount: '/transit/' },
      'kms.mount: is no mount path; write for example transit or teams/a/transit',
    ],
    [{ provider: 'vault', auth: { token: 'a' } }, 'kms.endpoint: is missing; add it'],
    [{ auth: { token: 'a' } }, 'kms.provider: is missing; use yandex or vault'],
    [{ provider: 'aws' }, 'kms.provider: aws is not available in this version; use yandex or vault'],
    [{ ...vault, mout: 'x' }, 'kms.mout: unknown key; did you mean kms.mount?'],
  ])('%j is refused in words', (kms, problem) => {
    expect(problemsWith({ kms, source: key, target: key })).toEqual([problem]);
  });

  test.each([
    [{ target: { keyId: 'other' } }, /^target.keyId: differs from source.keyId/],
    [
      { target: { ...key, aadContext: 'c/{id}' } },
      /^target.aadContext: differs from that of source; the transit/,
    ],
    [{ target: { ...key, versionId: 'v3' } }, /^target.versionId: is no version of a transit key/],
  ])('what the transit engine cannot do is refused: %j', (changes, problem) => {
    expect(problemsWith({ kms: vault, source: key, ...changes })).toEqual([expect.stringMatching(problem)]);
  });

  test('a name of a key may be longer than the ids of Yandex KMS', () => {
    const long = { keyId: 'k'.repeat(51) };
    expect(parseWith({ kms: vault, source: long, target: long }).config.target.keyId).toHaveLength(51);
    expect(problemsWith({ source: long, target: long })).toEqual([
      'source.keyId: must have at most 50 characters; shorten it',
      'target.keyId: must have at most 50 characters; shorten it',
    ]);
  });
});

describe('store: s3', () => {
  test('defaults are AWS, all objects, and their bodies', () => {
    expect(parseWith({ store: s3 }).config.store).toEqual({
      type: 's3',
      endpoint: null,
      region: 'us-east-1',
      bucket: 'backups',
      prefix: '',
      suffix: '',
      ciphertext: { kind: 'body' },
      caFile: null,
    });
  });

  test('a field of metadata is named with or without its prefix', () => {
    for (const name of ['x-amz-meta-Wrapped-Key', 'wrapped-key']) {
      const { store } = parseWith({ store: { ...s3, ciphertext: { metadata: name } } }).config;
      expect(store).toMatchObject({ ciphertext: { kind: 'metadata', name: 'wrapped-key' } });
    }
  });

  test.each([
    [{ ...s3, bucket: 'No_Bucket' }, /^store.bucket: is no name of a bucket/],
    [{ ...s3, ciphertext: 'header' }, /^store.ciphertext: is no place of a ciphertext; use body or/],
    [{ ...s3, endpoint: 'https://a:b@s3' }, /^store.endpoint: holds a user/],
    [{ type: 's3' }, /^store.bucket: is missing/],
    [{ ...s3, table: 'x' }, /^store.table: unknown key/],
    [{ type: 'mysql' }, /^store.type: mysql is not available in this version; use postgres, s3 or module$/],
    [{}, /^store.type: is missing; use postgres, s3 or module$/],
  ])('%j is refused in words', (store, problem) => {
    expect(problemsWith({ store })).toEqual([expect.stringMatching(problem)]);
  });

  test.each([
    ['{id}', /names \{id\}, which an object has not; use \{key\} or \{metadata.name\}$/],
    ['{metadata.wrapped-key}', /names the metadata that the rotation writes/],
  ])('a template over %s is refused', (aadContext, problem) => {
    const source = { keyId: 'abj1', aadContext };
    const store = { ...s3, ciphertext: { metadata: 'wrapped-key' } };
    expect(problemsWith({ store, source, target: source })[0]).toMatch(problem);
  });
});

describe('store: module', () => {
  test('knows where relative paths begin, and its options', () => {
    const options = { path: 'data', deep: [1, { a: null }] };
    expect(parseWith({ store: { type: 'module', module: './my-store.js', options } }).config.store).toEqual({
      type: 'module',
      module: './my-store.js',
      directory: '/etc/keyturn',
      options,
    });
  });
});

describe('mode', () => {
  const regenerate = { mode: 'regenerate', allowPlaintext: true, format: 'envelope' };

  test('regenerate makes keys of 256 bits unless told otherwise', () => {
    expect(parseWith(regenerate).config.mode).toEqual({ kind: 'regenerate', dataKeySpec: 'AES_256' });
    expect(parseWith({ ...regenerate, dataKeySpec: 'AES_128' }).config.mode).toMatchObject({
      dataKeySpec: 'AES_128',
    });
    expect(
      parseWith({ ...regenerate, format: { encoding: 'base64', format: 'envelope' } }).config.mode.kind,
    ).toBe('regenerate');
  });

  test.each([
    [
      { ...regenerate, allowPlaintext: undefined },
      /^mode: regenerate decrypts every payload in this process/,
    ],
    [{ ...regenerate, allowPlaintext: false }, /^mode: regenerate decrypts every payload in this process/],
    [{ ...regenerate, format: 'tink' }, /^format: has no data key that could be replaced/],
    [{ ...regenerate, format: ['envelope', 'base64'] }, /^format: has no data key that could be replaced/],
    [
      { ...regenerate, format: { json: ['/a', '/b'], format: { encoding: 'base64', format: 'envelope' } } },
      /^format: has no data key that could be replaced/,
    ],
    [
      { ...regenerate, kms: vault, source: key, target: key },
      /^mode: regenerate is not available with vault/,
    ],
    [{ allowPlaintext: true }, /^allowPlaintext: is for mode: regenerate alone/],
    [{ dataKeySpec: 'AES_256' }, /^dataKeySpec: is for mode: regenerate alone/],
    [
      { ...regenerate, dataKeySpec: 'AES' },
      /^dataKeySpec: must be one of AES_128, AES_192, AES_256, AES_256_HSM/,
    ],
  ])('%j is refused', (changes, problem) => {
    expect(problemsWith(changes)).toEqual([expect.stringMatching(problem)]);
  });
});

describe('verifyWrites', () => {
  test('is off unless it is said, and may be set by a variable', () => {
    expect(parseWith({}).config.verifyWrites).toBe(0);
    expect(parseWith({ verifyWrites: { sample: 0.01 } }).config.verifyWrites).toBe(0.01);
    const env = { KEYTURN_VERIFY_WRITES_SAMPLE: '1' };
    expect(parseWith({}, { env }).config.verifyWrites).toBe(1);
  });

  test.each([
    [{ sample: 1.1 }, 'verifyWrites.sample: must be at most 1; lower it'],
    [{ sample: -0.1 }, 'verifyWrites.sample: must be at least 0; raise it'],
    [{ sample: 'all' }, 'verifyWrites.sample: must be a number; mend it'],
    [{}, 'verifyWrites.sample: is missing; add it'],
    [0.01, 'verifyWrites: must be a group of keys; write name: value below it'],
    [{ share: 1 }, /^verifyWrites.share: unknown key/],
  ])('%j is refused in words', (verifyWrites, problem) => {
    expect(problemsWith({ verifyWrites })).toContainEqual(expect.stringMatching(problem));
  });
});

test('Tink binds its keys to no AAD: a template may stand there, but cannot change', () => {
  const source = { keyId: 'abj1', aadContext: 'c/{id}' };
  expect(parseWith({ format: 'tink', source, target: source }).config.format).toBe('tink');
  expect(problemsWith({ format: 'tink', source, target: minimalConfig.target })).toEqual([
    expect.stringMatching(
      /^target.aadContext: differs from that of source, but Tink wraps its keys without AAD/,
    ),
  ]);
});
