import { describe, expect, test } from 'vitest';
import {
  base64,
  primaryOf,
  startTestEmulator,
  textAt,
  type EmulatorReply,
} from '../support/emulator-client.ts';

const keyOne = '/kms/v1/keys/key-1';
const keyTwo = '/kms/v1/keys/key-2';

const zeros = (length: number) => Buffer.alloc(length).toString('base64');

function expectStatus(reply: EmulatorReply, http: number, code: number): void {
  expect(reply.json).toEqual({
    code,
    message: expect.any(String),
    details: [
      { '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId: reply.headers['x-request-id'] },
    ],
  });
  expect(reply.status).toBe(http);
}

describe('a reply has exactly the fields of the API', () => {
  test('encrypt and decrypt', async () => {
    const { emulator, client } = await startTestEmulator();
    const versionId = primaryOf(emulator, 'key-1');
    const request = { plaintext: base64('123-45-6789'), aadContext: base64('customer/7') };
    const encrypted = await client.post(`${keyOne}:encrypt`, request);
    expect(encrypted.json).toEqual({ keyId: 'key-1', versionId, ciphertext: expect.any(String) });
    expect(versionId).toMatch(/^abj[a-z0-9]{17}$/);

    const ciphertext = textAt(encrypted, 'ciphertext');
    expect(Buffer.from(ciphertext, 'base64').toString('latin1', 8, 28)).toBe(versionId);
    const decrypted = await client.post(`${keyOne}:decrypt`, { ciphertext, aadContext: request.aadContext });
    expect(decrypted).toMatchObject({
      status: 200,
      json: { keyId: 'key-1', versionId, plaintext: request.plaintext },
    });
  });

  test('reEncrypt, from one key, version and AAD context to another', async () => {
    const { emulator, client } = await startTestEmulator();
    const sourceVersionId = primaryOf(emulator, 'key-1');
    const source = { plaintext: base64('secret'), aadContext: base64('old') };
    const ciphertext = textAt(await client.post(`${keyOne}:encrypt`, source), 'ciphertext');
    await client.post(`${keyOne}:rotate`, {});

    const request = { sourceKeyId: 'key-1', sourceAadContext: source.aadContext, ciphertext };
    const moved = await client.post(`${keyTwo}:reEncrypt`, { ...request, aadContext: base64('new') });
    expect(moved.json).toEqual({
      keyId: 'key-2',
      versionId: primaryOf(emulator, 'key-2'),
      sourceKeyId: 'key-1',
      sourceVersionId,
      ciphertext: expect.any(String),
    });
    const reply = { ciphertext: textAt(moved, 'ciphertext'), aadContext: base64('new') };
    expect(textAt(await client.post(`${keyTwo}:decrypt`, reply), 'plaintext')).toBe(source.plaintext);

    const rotated = await client.post(`${keyOne}:reEncrypt`, request);
    expect(rotated.json).toMatchObject({ versionId: primaryOf(emulator, 'key-1'), sourceVersionId });
    const pinned = await client.post(`${keyOne}:reEncrypt`, { ...request, versionId: sourceVersionId });
    expect(textAt(pinned, 'versionId')).toBe(sourceVersionId);
  });

  test.each([
    ['AES_128', 16],
    ['AES_192', 24],
    ['AES_256', 32],
    ['AES_256_HSM', 32],
    [3, 32],
  ])('generateDataKey %s: %i bytes, and "" where the plaintext is skipped', async (dataKeySpec, length) => {
    const { emulator, client } = await startTestEmulator();
    const generated = await client.post(`${keyOne}:generateDataKey`, {
      dataKeySpec,
      aadContext: base64('a'),
    });
    expect(generated.json).toEqual({
      keyId: 'key-1',
      versionId: primaryOf(emulator, 'key-1'),
      dataKeyPlaintext: expect.any(String),
      dataKeyCiphertext: expect.any(String),
    });
    const plaintext = textAt(generated, 'dataKeyPlaintext');
    expect(Buffer.from(plaintext, 'base64')).toHaveLength(length);
    const request = { ciphertext: textAt(generated, 'dataKeyCiphertext'), aadContext: base64('a') };
    expect(textAt(await client.post(`${keyOne}:decrypt`, request), 'plaintext')).toBe(plaintext);

    const skipped = await client.post(`${keyOne}:generateDataKey`, { dataKeySpec, skipPlaintext: true });
    expect(skipped.json).toEqual({
      keyId: 'key-1',
      versionId: primaryOf(emulator, 'key-1'),
      dataKeyPlaintext: '',
      dataKeyCiphertext: expect.any(String),
    });
  });

  test('snake_case names, url-safe base64, unknown fields and nulls are taken as the transcoder takes them', async () => {
    const { client } = await startTestEmulator();
    const aadContext = Buffer.from('???>>>').toString('base64url');
    const encrypted = await client.post(`${keyOne}:encrypt`, {
      plaintext: Buffer.from('a').toString('base64url'),
      aad_context: aadContext,
      versionId: null,
      unknown: { field: 1 },
    });
    const request = { source_key_id: 'key-1', source_aad_context: aadContext };
    const moved = await client.post(`${keyTwo}:reEncrypt`, {
      ...request,
      ciphertext: textAt(encrypted, 'ciphertext').replaceAll('+', '-').replaceAll('/', '_'),
    });
    expect(moved.status).toBe(200);
    const generated = await client.post(`${keyOne}:generateDataKey`, {
      data_key_spec: 1,
      skip_plaintext: true,
    });
    expect(textAt(generated, 'dataKeyPlaintext')).toBe('');
  });
});

test('a key id with a colon, a slash and a percent sign is addressed percent-encoded', async () => {
  const keyId = 'team/a:encrypt 100%';
  const { client } = await startTestEmulator({ keys: [keyId] });
  const path = `/kms/v1/keys/${encodeURIComponent(keyId)}`;
  expect(textAt(await client.post(`${path}:encrypt`, { plaintext: 'YQ==' }), 'keyId')).toBe(keyId);
  expect(textAt(await client.get(path), 'id')).toBe(keyId);
});

test('the largest plaintext and AAD context pass, and one byte more of either does not', async () => {
  const { client } = await startTestEmulator();
  const largest = { plaintext: zeros(32_768), aadContext: zeros(8192) };
  expect((await client.post(`${keyOne}:encrypt`, largest)).status).toBe(200);
  for (const more of [{ plaintext: zeros(32_769) }, { aadContext: zeros(8193) }]) {
    expectStatus(await client.post(`${keyOne}:encrypt`, { ...largest, ...more }), 400, 3);
  }
});

describe('INVALID_ARGUMENT', () => {
  const tooLong = 'x'.repeat(51);

  test.each([
    ['encrypt', {}],
    ['encrypt', { plaintext: '' }],
    ['encrypt', { plaintext: null }],
    ['encrypt', { plaintext: 'not base64!' }],
    ['encrypt', { plaintext: 7 }],
    ['encrypt', { plaintext: 'YQ==', aadContext: ['YQ=='] }],
    ['encrypt', { plaintext: 'YQ==', versionId: tooLong }],
    ['decrypt', {}],
    ['decrypt', { ciphertext: '' }],
    ['decrypt', { ciphertext: 'YQ==' }],
    ['reEncrypt', { ciphertext: 'YQ==' }],
    ['reEncrypt', { sourceKeyId: 'key-1' }],
    ['reEncrypt', { sourceKeyId: tooLong, ciphertext: 'YQ==' }],
    ['generateDataKey', {}],
    ['generateDataKey', { dataKeySpec: 'SYMMETRIC_ALGORITHM_UNSPECIFIED' }],
    ['generateDataKey', { dataKeySpec: 'AES_512' }],
    ['generateDataKey', { dataKeySpec: 0 }],
    ['generateDataKey', { dataKeySpec: 'AES_256', skipPlaintext: 'yes' }],
  ])('%s of %j', async (method, body) => {
    const { client } = await startTestEmulator();
    expectStatus(await client.post(`${keyOne}:${method}`, body), 400, 3);
  });

  test('a body that is not JSON or no object, a key id that is too long', async () => {
    const { client } = await startTestEmulator();
    for (const body of ['{', 'null', '[]', 'a=b', '"YQ=="']) {
      expectStatus(await client.send('POST', `${keyOne}:encrypt`, body), 400, 3);
    }
    expectStatus(await client.post(`/kms/v1/keys/${tooLong}:encrypt`, { plaintext: 'YQ==' }), 400, 3);
    expectStatus(
      await client.post(`/kms/v1/keys/${tooLong.repeat(20)}:encrypt`, { plaintext: 'YQ==' }),
      400,
      3,
    );
    expectStatus(await client.post('/kms/v1/keys/:encrypt', { plaintext: 'YQ==' }), 400, 3);
  });
});

describe('a ciphertext is refused as bad', () => {
  test('when it is cut, flipped, prolonged, of another key or under another AAD context', async () => {
    const { client } = await startTestEmulator();
    const aadContext = base64('customer/7');
    const encrypted = await client.post(`${keyOne}:encrypt`, { plaintext: base64('secret'), aadContext });
    const good = Buffer.from(textAt(encrypted, 'ciphertext'), 'base64');
    const prefixes = Array.from({ length: good.length - 1 }, (_, index) => good.subarray(0, index + 1));
    const flips = Array.from({ length: good.length }, (_, at) => {
      const flipped = Buffer.from(good);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      return flipped;
    });
    const bad = [
      ...prefixes,
      ...flips,
      Buffer.concat([good, Buffer.alloc(1)]),
      Buffer.from('foreign'.repeat(20)),
    ];
    for (const ciphertext of bad) {
      const request = { ciphertext: ciphertext.toString('base64'), aadContext };
      const reply = await client.post(`${keyOne}:decrypt`, request);
      expectStatus(reply, 400, 3);
      expect(textAt(reply, 'message')).toBe('Bad ciphertext');
    }
    const ciphertext = good.toString('base64');
    expectStatus(await client.post(`${keyTwo}:decrypt`, { ciphertext, aadContext }), 400, 3);
    expectStatus(await client.post(`${keyOne}:decrypt`, { ciphertext }), 400, 3);
    const swapped = { sourceKeyId: 'key-2', sourceAadContext: aadContext, aadContext, ciphertext };
    expectStatus(await client.post(`${keyOne}:reEncrypt`, swapped), 400, 3);
    // The AAD context of the target is not the one that opens the source.
    const wrongAad = { sourceKeyId: 'key-1', sourceAadContext: base64('other'), aadContext, ciphertext };
    expectStatus(await client.post(`${keyOne}:reEncrypt`, wrongAad), 400, 3);
  });
});

test('NOT_FOUND for an unknown key, source key or version', async () => {
  const { client } = await startTestEmulator();
  const ciphertext = textAt(await client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==' }), 'ciphertext');
  const absent = '/kms/v1/keys/absent';
  const versionId = 'abj00000000000000000';
  for (const [path, body] of [
    [`${absent}:encrypt`, { plaintext: 'YQ==' }],
    [`${absent}:decrypt`, { ciphertext }],
    [`${absent}:generateDataKey`, { dataKeySpec: 'AES_256' }],
    [`${absent}:reEncrypt`, { sourceKeyId: 'key-1', ciphertext }],
    [`${keyOne}:reEncrypt`, { sourceKeyId: 'absent', ciphertext }],
    [`${keyOne}:encrypt`, { plaintext: 'YQ==', versionId }],
    [`${keyOne}:generateDataKey`, { dataKeySpec: 'AES_256', versionId }],
    [`${keyOne}:reEncrypt`, { sourceKeyId: 'key-1', ciphertext, versionId }],
  ] as const) {
    expectStatus(await client.post(path, body), 404, 5);
  }
});

test('reEncrypt opens the source first: a bad ciphertext is told even where the target is unknown', async () => {
  const { client } = await startTestEmulator();
  const request = { sourceKeyId: 'key-1', ciphertext: base64('rubbish') };
  expectStatus(await client.post('/kms/v1/keys/absent:reEncrypt', request), 400, 3);
});
