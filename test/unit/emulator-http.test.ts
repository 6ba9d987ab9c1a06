import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { startEmulator } from '../../src/kms/emulator/server.ts';
import { startTestEmulator } from '../support/emulator-client.ts';

const notFound = { status: 404, json: { code: 5 } };
const wrongVerb = { status: 501, json: { code: 12 } };
const invalid = { status: 400, json: { code: 3 } };

describe('every reply', () => {
  test('has a request id of its own and a trace id, also when it is an error', async () => {
    const { client } = await startTestEmulator();
    const replies = [
      await client.get('/endpoints'),
      await client.get('/nowhere'),
      await client.get('/kms/v1/keys/key-1', { authorization: '' }),
      await client.post('/kms/v1/keys/key-1:encrypt', { plaintext: 'YQ==' }, { 'x-request-id': 'mine' }),
      await client.post('/kms/v1/keys/key-1:encrypt', {}),
      await client.get('/kms/v1/keys/%zz'),
    ];
    const ids = replies.map(({ headers }) => headers['x-request-id']);
    expect(new Set(ids).size).toBe(replies.length);
    for (const { headers } of replies) {
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers['x-server-trace-id']).toEqual(expect.any(String));
    }
  });
});

describe('routes', () => {
  test.each([
    '/',
    '/nowhere',
    '/kms/v1/keys/key-1:steal',
    '/kms/v1/keys/key-1/secrets',
    '/kms/v1/keys/key-1/',
    '/kms/v1/key',
    '/kms/v1/%6beys/key-1',
    // What a router would take for patterns.
    '/:(',
    '/*x',
    '/**',
    '/a/:b?',
  ])('%s is unknown', async (path) => {
    const { client } = await startTestEmulator();
    expect(await client.post(path, {})).toMatchObject(notFound);
    expect(await client.get(path)).toMatchObject(notFound);
  });

  test.each([
    ['GET', '/kms/v1/keys/key-1:encrypt'],
    ['PUT', '/kms/v1/keys/key-1:reEncrypt'],
    ['GET', '/kms/v1/keys/key-1:rotate'],
    ['POST', '/kms/v1/keys/key-1/versions'],
    ['DELETE', '/kms/v1/keys/key-1'],
    ['POST', '/kms/v1/keys/key-1'],
    ['PUT', '/kms/v1/keys'],
    ['POST', '/endpoints'],
    ['GET', '/iam/v1/tokens?jwt=x'],
    ['POST', '/computeMetadata/v1/instance/service-accounts/default/token'],
    ['GET', '/oauth/token'],
  ] as const)('%s %s has another verb', async (method, path) => {
    const { client } = await startTestEmulator();
    expect(await client.send(method, path, '{}')).toMatchObject(wrongVerb);
  });

  test('discovery names the address that was asked', async () => {
    const { emulator, client } = await startTestEmulator();
    const address = new URL(emulator.endpoint).host;
    expect((await client.get('/endpoints', { authorization: '' })).json).toEqual({
      endpoints: [
        { id: 'kms', address },
        { id: 'kms-crypto', address },
        { id: 'iam', address },
      ],
    });
  });
});

describe('a request that is no proper HTTP or too large', () => {
  test('a body over 4 MiB is refused', async () => {
    const { client } = await startTestEmulator();
    const ciphertext = 'A'.repeat(4 * 1024 * 1024);
    expect(await client.post('/kms/v1/keys/key-1:decrypt', { ciphertext })).toMatchObject(invalid);
    expect(
      await client.post('/kms/v1/keys/key-1:decrypt', { ciphertext: ciphertext.slice(100) }),
    ).toMatchObject(invalid);
  });

  test('the content type does not matter: what curl -d sends is read as JSON', async () => {
    const { client } = await startTestEmulator();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await client.post('/kms/v1/keys/key-1:encrypt', { plaintext: 'YQ==' }, headers)).status).toBe(
      200,
    );
  });

  test.each([
    ['rubbish', 'GARBAGE\r\n\r\n'],
    ['a header too large', `GET /endpoints HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a body cut short', 'POST /iam/v1/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{"a"'],
  ])('%s is answered with a status', async (_name, request) => {
    const { emulator } = await startTestEmulator();
    const socket = connect({ port: Number(new URL(emulator.endpoint).port), host: '127.0.0.1' });
    socket.end(request);
    const reply = await text(socket);
    expect(reply).toMatch(/^HTTP\/1\.1 400 /);
    expect(reply).toMatch(/\r\nx-request-id: [0-9a-f-]{36}\r\n/);
    expect(JSON.parse(reply.slice(reply.indexOf('\r\n\r\n')))).toMatchObject({ code: 3 });
  });
});

describe('startEmulator refuses in words', () => {
  test('a port in use', async () => {
    const { emulator } = await startTestEmulator();
    const port = Number(new URL(emulator.endpoint).port);
    await expect(startEmulator({ port, keys: [] })).rejects.toThrow(
      expect.objectContaining({
        faultClass: 'usage',
        code: 'PORT_IN_USE',
        message: expect.stringContaining(`port ${port} is in use`),
      }),
    );
  });

  test('an address that is not of this machine', async () => {
    await expect(startEmulator({ port: 0, host: '192.0.2.1', keys: [] })).rejects.toThrow(
      expect.objectContaining({ faultClass: 'usage', code: 'LISTEN_FAILED' }),
    );
  });

  test.each([
    ['port', { port: 65_536 }],
    ['port', { port: 0.5 }],
    ['key', { keys: [''] }],
    ['key', { keys: ['x'.repeat(51)] }],
    ['token', { token: '' }],
    ['token', { token: 'two words' }],
    ['quota', { quota: 0 }],
    ['quota', { quota: 1.5 }],
    ['fail rate', { failRate: 1.1 }],
    ['fail rate', { failRate: Number.NaN }],
    ['latency', { latencyMs: -1 }],
    ['lag', { primaryLagMs: Number.POSITIVE_INFINITY }],
    ['lifetime', { tokenLifetimeSeconds: -1 }],
    ['public key', { serviceAccountKeys: [{ id: 'a', service_account_id: 'b', public_key: 'no PEM' }] }],
  ])('a wrong %s', async (name, options) => {
    await expect(startEmulator({ port: 0, keys: [], ...options })).rejects.toThrow(
      expect.objectContaining({
        faultClass: 'usage',
        code: 'BAD_OPTION',
        message: expect.stringContaining(name),
      }),
    );
  });
});
