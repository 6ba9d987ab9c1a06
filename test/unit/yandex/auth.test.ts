import { generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { YandexAuth } from '../../../src/kms/yandex/client.ts';
import { answerJson, startRecordingServer, type Answer } from '../../support/recording-server.ts';
import { connectYandex, never, someItem, startYandex, thrownBy } from '../../support/yandex-service.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

function keyFile(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    id: 'key-id',
    service_account_id: 'sa-id',
    created_at: '2024-01-01T00:00:00Z',
    key_algorithm: 'RSA_2048',
    public_key: 'PLEASE DO NOT REMOVE THIS LINE! …',
    private_key: `PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <key-id>\n${pem}`,
    ...fields,
  });
}

/** A KMS that lets in `valid()` only, and the server beside it that issues tokens. */
async function startWithIssuer(
  issue: Answer,
  createAuth: (issuerUrl: string) => YandexAuth,
  valid: () => string,
) {
  const issuer = await startRecordingServer(issue);
  onTestFinished(() => issuer.close());
  const { kms, service } = await startYandex(
    (response, { headers }) => {
      const accepted = headers.authorization === `Bearer ${valid()}`;
      answerJson(response, accepted ? 200 : 401, accepted ? { versionId: 'v' } : { code: 16 });
    },
    { auth: createAuth(issuer.url) },
  );
  return { issuer, kms, service };
}

const metadata = (metadataEndpoint: string): YandexAuth => ({ kind: 'metadata', metadataEndpoint });

describe('service account key', () => {
  const auth = (iamEndpoint: string): YandexAuth => ({
    kind: 'serviceAccountKey',
    keyJson: keyFile(),
    iamEndpoint,
  });

  test('is traded for a token by a JWT that IAM can verify', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { issuer, service } = await startWithIssuer(
      (response) => answerJson(response, 200, { iamToken: 't1.sa', expiresAt }),
      (url) => auth(`${url}/`),
      () => 't1.sa',
    );
    expect(await service.currentVersion('k')).toBe('v');
    expect(await service.currentVersion('k')).toBe('v');
    expect(issuer.received).toHaveLength(1);
    expect(issuer.received[0]).toMatchObject({ method: 'POST', path: '/iam/v1/tokens' });
    const { jwt } = JSON.parse(issuer.received[0]?.body ?? '');
    expect(decodeProtectedHeader(jwt)).toEqual({ typ: 'JWT', alg: 'PS256', kid: 'key-id' });
    const { payload } = await jwtVerify(jwt, publicKey, {
      issuer: 'sa-id',
      audience: `${issuer.url}/iam/v1/tokens`,
      maxTokenAge: 60,
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
  });

  const wrongKeys: Readonly<Record<string, string>> = {
    'no JSON': '{',
    'no id': keyFile({ id: undefined }),
    'no PEM': keyFile({ private_key: 'PLEASE DO NOT REMOVE THIS LINE!' }),
    'a damaged PEM': keyFile({ private_key: pem.slice(0, 500) }),
    'a public key': keyFile({ private_key: publicKey.export({ type: 'spki', format: 'pem' }) }),
    'an EC key': keyFile({
      private_key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      }),
    }),
    'a key too short for PS256': keyFile({
      private_key: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      }),
    }),
  };
  for (const [name, keyJson] of Object.entries(wrongKeys)) {
    test(`a file with ${name} is a usage fault at once, not at the first call`, () => {
      const auth = { kind: 'serviceAccountKey', keyJson, iamEndpoint: 'https://iam' } as const;
      expect(() => connectYandex('https://kms.yandex', { auth })).toThrow(
        expect.objectContaining({ faultClass: 'usage', code: 'BAD_SERVICE_ACCOUNT_KEY' }),
      );
    });
  }

  test.each([
    ['a token with a line break', { iamToken: 'a\r\nx-evil: 1' }],
    ['no token', {}],
    ['a date that is none', { iamToken: 'a', expiresAt: 'tomorrow' }],
  ])('%s from IAM is a bad reply', async (_, reply) => {
    const { kms, service } = await startWithIssuer(
      (response) => answerJson(response, 200, reply),
      auth,
      () => 'a',
    );
    const fault = await thrownBy(service.currentVersion('k'));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'BAD_REPLY', peer: 'kms' });
    expect(kms.received).toEqual([]);
  });
});

describe('metadata', () => {
  test('is asked as it wants to be, and again after each refusal', async () => {
    let issued = 0;
    const { issuer, kms, service } = await startWithIssuer(
      (response) =>
        answerJson(response, 200, {
          access_token: `t${(issued += 1)}`,
          expires_in: 43_200,
          token_type: 'Bearer',
        }),
      metadata,
      () => valid,
    );
    let valid = 't1';
    await service.currentVersion('k');
    for (valid of ['t2', 't3', 't4']) expect(await service.currentVersion('k')).toBe('v');
    expect(issuer.received).toHaveLength(4);
    expect(issuer.received[0]).toMatchObject({
      method: 'GET',
      path: '/computeMetadata/v1/instance/service-accounts/default/token',
      headers: { 'metadata-flavor': 'Google' },
    });
    expect(kms.received).toHaveLength(7);
  });

  test.each([{}, { expires_in: 0 }])('a token is used whatever its expiry: %j', async (expiry) => {
    const { service } = await startWithIssuer(
      (response) => answerJson(response, 200, { access_token: 't', ...expiry }),
      metadata,
      () => 't',
    );
    expect(await service.currentVersion('k')).toBe('v');
  });
});

describe('workload identity', () => {
  test.each(['', '/oauth/token'])(
    'trades the token that is in the file now; endpoint path %j',
    async (path) => {
      const readToken = vi
        .fn<() => Promise<string>>()
        .mockResolvedValueOnce('first\n')
        .mockResolvedValueOnce('second\n');
      let valid = 'for-first';
      const { issuer, service } = await startWithIssuer(
        (response, { body }) => {
          answerJson(response, 200, {
            access_token: `for-${new URLSearchParams(body).get('subject_token')}`,
            expires_in: 600,
          });
        },
        (url) => ({ kind: 'workloadIdentity', readToken, serviceAccountId: 'sa-id', endpoint: url + path }),
        () => valid,
      );
      expect(await service.currentVersion('k')).toBe('v');
      valid = 'for-second';
      expect(await service.currentVersion('k')).toBe('v');
      expect(issuer.received).toHaveLength(2);
      expect(issuer.received[0]).toMatchObject({
        method: 'POST',
        path: '/oauth/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      expect(Object.fromEntries(new URLSearchParams(issuer.received[0]?.body))).toEqual({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: 'sa-id',
        subject_token: 'first',
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      });
    },
  );

  test.each([
    ['cannot be read', () => Promise.reject(new Error('ENOENT'))],
    ['is empty', () => Promise.resolve('\n')],
  ])('a token file that %s stops the rotation', async (_, readToken) => {
    const { issuer, service } = await startWithIssuer(
      (response) => answerJson(response, 200, {}),
      (endpoint) => ({ kind: 'workloadIdentity', readToken, serviceAccountId: 'sa-id', endpoint }),
      () => '',
    );
    const fault = await thrownBy(service.currentVersion('k'));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'TOKEN_FILE_UNREADABLE' });
    expect(issuer.received).toEqual([]);
  });
});

describe('a token service that issues no token', () => {
  test.each([
    [400, 'rotation', 'TOKEN_REFUSED'],
    [401, 'rotation', 'TOKEN_REFUSED'],
    [403, 'rotation', 'TOKEN_REFUSED'],
    [404, 'rotation', 'TOKEN_REFUSED'],
    [302, 'rotation', 'TOKEN_REFUSED'],
    [429, 'transient', 'TOKEN_UNAVAILABLE'],
    [500, 'transient', 'TOKEN_UNAVAILABLE'],
    [503, 'transient', 'TOKEN_UNAVAILABLE'],
  ])('HTTP %i is a %s fault that slows no pace', async (status, faultClass, code) => {
    const { kms, service } = await startWithIssuer(
      (response) => answerJson(response, status, { code: 16, message: 'canary' }, { 'retry-after': '3' }),
      metadata,
      () => '',
    );
    const fault = await thrownBy(service.reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass, code, peer: 'kms', retryAfterMs: 3000, throttled: false });
    expect(fault.message).not.toContain('canary');
    expect(kms.received).toEqual([]);
  });

  test('a token service out of reach is a transient fault', async () => {
    const { service } = await startWithIssuer(
      (response) => response.destroy(),
      metadata,
      () => '',
    );
    const fault = await thrownBy(service.reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'CONNECTION_RESET', peer: 'kms' });
    expect(fault.message).toContain('metadata service');
  });

  test('abort ends the wait for a token', async () => {
    const { issuer, service } = await startWithIssuer(
      () => {},
      metadata,
      () => '',
    );
    const stop = new AbortController();
    const call = thrownBy(service.reEncrypt([someItem], stop.signal));
    await vi.waitFor(() => expect(issuer.received).toHaveLength(1));
    stop.abort();
    expect(await call).toMatchObject({ faultClass: 'transient', code: 'ABORTED' });
  });
});

describe('a token that the KMS refuses', () => {
  test('is replaced once and the call repeated once, then the rotation stops', async () => {
    const { issuer, kms, service } = await startWithIssuer(
      (response) => answerJson(response, 200, { access_token: `t${issuer.received.length}` }),
      metadata,
      () => 'none of them',
    );
    const fault = await thrownBy(service.reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'UNAUTHENTICATED', peer: 'kms' });
    expect(kms.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t2']);
  });

  test('is replaced once for all calls in flight', async () => {
    const { issuer, service } = await startWithIssuer(
      (response) => answerJson(response, 200, { access_token: `t${issuer.received.length}` }),
      metadata,
      () => valid,
    );
    let valid = 't1';
    await service.currentVersion('k');
    valid = 't2';
    await Promise.all(Array.from({ length: 8 }, () => service.reEncrypt([someItem], never)));
    expect(issuer.received).toHaveLength(2);
  });

  test('stops the rotation at once where it is a fixed one, and says where to renew it', async () => {
    const { kms, service } = await startYandex((response) =>
      answerJson(response, 401, { code: 16, message: 'expired' }, { 'x-request-id': 'r1' }),
    );
    const fault = await thrownBy(service.reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'UNAUTHENTICATED', requestId: 'r1' });
    expect(fault.message).toContain('kms.auth.iamToken');
    expect(kms.received).toHaveLength(1);
  });

  test.each(['', 'a b', 'a\r\nx-evil: 1', 'a\n', 'ключ'])(
    'is a usage fault where it fits no header: %j',
    (token) => {
      expect(() => connectYandex('https://kms.yandex', { auth: { kind: 'iamToken', token } })).toThrow(
        expect.objectContaining({ faultClass: 'usage', code: 'BAD_TOKEN' }),
      );
    },
  );
});
