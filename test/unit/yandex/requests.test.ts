import { describe, expect, test } from 'vitest';
import { Fault } from '../../../src/rotation/faults.ts';
import { answerJson } from '../../support/recording-server.ts';
import { connectYandex, never, someItem, startYandex, thrownBy } from '../../support/yandex-service.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const bytes = (length: number): Uint8Array => new Uint8Array(length);

describe('requests to Yandex KMS', () => {
  test('reEncrypt sends what the API reference asks for and reads the whole reply', async () => {
    const { kms, service } = await startYandex((response) =>
      answerJson(response, 200, {
        keyId: 'new-key',
        versionId: 'v2',
        sourceKeyId: 'old-key',
        sourceVersionId: 'v1',
        ciphertext: base64('renewed'),
      }),
    );
    const results = await service.reEncrypt([someItem], never);
    expect(results).toEqual([
      {
        keyId: 'new-key',
        versionId: 'v2',
        sourceKeyId: 'old-key',
        sourceVersionId: 'v1',
        ciphertext: Buffer.from('renewed'),
      },
    ]);
    expect(kms.received).toHaveLength(1);
    expect(kms.received[0]).toMatchObject({
      method: 'POST',
      path: '/kms/v1/keys/new-key:reEncrypt',
      headers: {
        authorization: 'Bearer t1.token',
        'content-type': 'application/json',
        'x-client-trace-id': expect.stringMatching(uuid),
      },
    });
    expect(JSON.parse(kms.received[0]?.body ?? '')).toEqual({
      versionId: 'v2',
      aadContext: base64('new aad'),
      sourceKeyId: 'old-key',
      sourceAadContext: base64('old aad'),
      ciphertext: 'AAH+/w==',
    });
  });

  test('encrypt, decrypt and generateDataKey send and read their own fields', async () => {
    const { kms, service } = await startYandex((response, { path }) => {
      const used = { keyId: 'k', versionId: 'v' };
      if (path.endsWith(':encrypt')) answerJson(response, 200, { ...used, ciphertext: base64('c') });
      else if (path.endsWith(':decrypt')) answerJson(response, 200, { ...used, plaintext: base64('p') });
      else
        answerJson(response, 200, { ...used, dataKeyPlaintext: base64('d'), dataKeyCiphertext: base64('w') });
    });
    const aad = Buffer.from('aad');
    const plaintext = Buffer.from('p');
    expect(await service.encrypt({ keyId: 'k', versionId: 'v', aad, plaintext })).toEqual({
      keyId: 'k',
      versionId: 'v',
      ciphertext: Buffer.from('c'),
    });
    expect(await service.decrypt({ keyId: 'k', aad, ciphertext: Buffer.from('c') })).toEqual({
      keyId: 'k',
      versionId: 'v',
      plaintext,
    });
    const dataKey = { keyId: 'k', aad, dataKeySpec: 'AES_128', skipPlaintext: false } as const;
    expect(await service.generateDataKey(dataKey)).toEqual({
      keyId: 'k',
      versionId: 'v',
      plaintext: Buffer.from('d'),
      ciphertext: Buffer.from('w'),
    });
    expect(kms.received.map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
      ['/kms/v1/keys/k:encrypt', { versionId: 'v', aadContext: base64('aad'), plaintext: base64('p') }],
      ['/kms/v1/keys/k:decrypt', { aadContext: base64('aad'), ciphertext: base64('c') }],
      [
        '/kms/v1/keys/k:generateDataKey',
        { aadContext: base64('aad'), dataKeySpec: 'AES_128', skipPlaintext: false },
      ],
    ]);
  });

  test('currentVersion names the version of a data key that is never seen in plaintext', async () => {
    const { kms, service } = await startYandex((response) => answerJson(response, 200, { versionId: 'v7' }));
    expect(await service.currentVersion('k')).toBe('v7');
    expect(await service.currentVersion('k', 'v7')).toBe('v7');
    expect(kms.received.map(({ body }) => JSON.parse(body))).toEqual([
      { dataKeySpec: 'AES_256', skipPlaintext: true },
      { versionId: 'v7', dataKeySpec: 'AES_256', skipPlaintext: true },
    ]);
  });

  test('empty AAD is left out, a view into a larger buffer is sent alone, and missing reply fields are empty', async () => {
    const { kms, service } = await startYandex((response) => answerJson(response, 200, {}));
    const none = new Uint8Array();
    const ciphertext = new Uint8Array([9, 9, 1, 2, 9]).subarray(2, 4);
    const results = await service.reEncrypt([{ ...someItem, aad: none, sourceAad: none, ciphertext }], never);
    expect(JSON.parse(kms.received[0]?.body ?? '')).toEqual({
      versionId: 'v2',
      sourceKeyId: 'old-key',
      ciphertext: 'AQI=',
    });
    expect(results).toEqual([
      { keyId: '', versionId: '', sourceKeyId: '', sourceVersionId: '', ciphertext: Buffer.alloc(0) },
    ]);
  });

  test('a key id can not leave its place in the path, and the path of the endpoint stays in front', async () => {
    const { kms } = await startYandex((response) => answerJson(response, 200, { versionId: 'v' }));
    await connectYandex(`${kms.url}/proxy/kms/`).currentVersion('../a b?c#d/é');
    expect(kms.received[0]?.path).toBe('/proxy/kms/kms/v1/keys/..%2Fa%20b%3Fc%23d%2F%C3%A9:generateDataKey');
  });

  test('every HTTP call is told to onCall with its code', async () => {
    const calls: { method: string; code: string; seconds: number }[] = [];
    const { kms, service } = await startYandex(
      (response) =>
        kms.received.length === 1
          ? answerJson(response, 200, { versionId: 'v' })
          : answerJson(response, 503, { code: 14, message: '' }),
      { onCall: (method) => (code, seconds) => calls.push({ method, code, seconds }) },
    );
    await service.currentVersion('k');
    await thrownBy(service.reEncrypt([someItem], never));
    expect(calls.map(({ method, code }) => [method, code])).toEqual([
      ['generateDataKey', 'OK'],
      ['reEncrypt', 'UNAVAILABLE'],
    ]);
    expect(calls.every(({ seconds }) => seconds > 0 && seconds < 10)).toBe(true);
  });
});

describe('limits of Yandex KMS are kept before anything is sent', () => {
  test.each([
    ['AAD_TOO_LONG', { aad: bytes(8193) }],
    ['AAD_TOO_LONG', { sourceAad: bytes(8193) }],
    ['EMPTY_CIPHERTEXT', { ciphertext: bytes(0) }],
  ])('%s stays with its record', async (code, wrong) => {
    const { kms, service } = await startYandex((response) => answerJson(response, 200, {}));
    const [result] = await service.reEncrypt([{ ...someItem, ...wrong }], never);
    expect(result).toBeInstanceOf(Fault);
    expect(result).toMatchObject({ faultClass: 'record', code });
    expect(kms.received).toEqual([]);
  });

  test.each([
    { keyId: '' },
    { keyId: 'k'.repeat(51) },
    { keyId: '\ud800' },
    { versionId: '' },
    { versionId: 'v'.repeat(51) },
    { sourceKeyId: '' },
    { sourceKeyId: 's'.repeat(51) },
  ])('an id out of bounds stops the rotation: %j', async (wrong) => {
    const { kms, service } = await startYandex((response) => answerJson(response, 200, {}));
    const fault = await thrownBy(service.reEncrypt([{ ...someItem, ...wrong }], never));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'BAD_ID' });
    expect(kms.received).toEqual([]);
  });

  test('what is exactly at the limit is sent', async () => {
    const { kms, service } = await startYandex((response) => answerJson(response, 200, {}));
    const id = 'i'.repeat(50);
    const item = {
      ...someItem,
      keyId: id,
      versionId: id,
      sourceKeyId: id,
      aad: bytes(8192),
      sourceAad: bytes(8192),
    };
    await service.reEncrypt([item], never);
    await service.encrypt({ keyId: id, aad: bytes(8192), plaintext: bytes(32_768) });
    expect(kms.received).toHaveLength(2);
  });

  test('a plaintext over the limit is a record fault', async () => {
    const { kms, service } = await startYandex((response) => answerJson(response, 200, {}));
    const fault = await thrownBy(service.encrypt({ keyId: 'k', aad: bytes(0), plaintext: bytes(32_769) }));
    expect(fault).toMatchObject({ faultClass: 'record', code: 'PLAINTEXT_TOO_LONG' });
    expect(kms.received).toEqual([]);
  });
});
