import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importPKCS8, SignJWT } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Emulator } from '../../src/kms/emulator/server.ts';
import {
  emulatorClient,
  startTestEmulator,
  textAt,
  type EmulatorClient,
} from '../support/emulator-client.ts';

const audience = 'https://iam.api.cloud.yandex.net/iam/v1/tokens';
const unauthenticated = { status: 401, json: { code: 16 } };
const invalid = { status: 400, json: { code: 3 } };

const keyFileSchema = z.object({
  id: z.string(),
  service_account_id: z.string(),
  created_at: z.iso.datetime(),
  key_algorithm: z.literal('RSA_2048'),
  public_key: z.string().startsWith('-----BEGIN PUBLIC KEY-----'),
  private_key: z.string(),
});

interface JwtParts {
  alg: string;
  kid: string;
  typ: string;
  iss: string;
  aud: string;
  iat: number;
  exp: number;
  privateKey: string;
}

/**
 * A service account registered with the emulator, and a way to sign JWTs that differ in parts from the right
 * one.
 */
async function registerServiceAccount(emulator: Emulator) {
  const keyFile = keyFileSchema.parse(JSON.parse(await emulator.newServiceAccountKey()));
  const now = Math.floor(Date.now() / 1000);
  const right: JwtParts = {
    alg: 'PS256',
    kid: keyFile.id,
    typ: 'JWT',
    iss: keyFile.service_account_id,
    aud: audience,
    iat: now,
    exp: now + 3600,
    privateKey: keyFile.private_key.replace(/^PLEASE.*\n/, ''),
  };
  const sign = async (changed: Partial<JwtParts> = {}) => {
    const { alg, kid, typ, privateKey, ...claims } = { ...right, ...changed };
    return new SignJWT(claims).setProtectedHeader({ alg, kid, typ }).sign(await importPKCS8(privateKey, alg));
  };
  return { keyFile, now, sign };
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function isAccepted(emulator: Emulator, token: string): Promise<boolean> {
  const reply = await emulatorClient({ endpoint: emulator.endpoint, token }).get('/kms/v1/keys/key-1');
  if (reply.status !== 200) expect(reply).toMatchObject(unauthenticated);
  return reply.status === 200;
}

function exchange(client: EmulatorClient, jwt: string) {
  return client.post('/iam/v1/tokens', { jwt }, { authorization: '' });
}

describe('a key file', () => {
  test('has the fields of Yandex, with the warning line before the private key', async () => {
    const { emulator } = await startTestEmulator();
    const { keyFile } = await registerServiceAccount(emulator);
    expect(keyFile.private_key).toMatch(
      new RegExp(
        `^PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <${keyFile.id}>\n-----BEGIN PRIVATE KEY-----`,
      ),
    );
  });
});

describe('the IAM token of a service account', () => {
  test('comes for a good JWT and is accepted until it expires', async () => {
    const clock = { now: Date.now() };
    const { emulator, client } = await startTestEmulator({ now: () => clock.now, tokenLifetimeSeconds: 100 });
    const { sign } = await registerServiceAccount(emulator);
    const reply = await exchange(client, await sign());
    expect(reply.json).toEqual({
      iamToken: expect.any(String),
      expiresAt: new Date(clock.now + 100_000).toISOString(),
    });
    const token = textAt(reply, 'iamToken');
    clock.now += 99_999;
    expect(await isAccepted(emulator, token)).toBe(true);
    clock.now += 1;
    expect(await isAccepted(emulator, token)).toBe(false);
    expect(await isAccepted(emulator, emulator.token)).toBe(true);
  });

  test('comes for a key given as an option', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const given = { id: 'given', service_account_id: 'account', public_key: publicKey };
    const { emulator, client } = await startTestEmulator({ serviceAccountKeys: [given] });
    const { sign } = await registerServiceAccount(emulator);
    const jwt = await sign({ kid: 'given', iss: 'account', privateKey });
    expect((await exchange(client, jwt)).status).toBe(200);
  });

  test('comes for a key file of before a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'keyturn-emulator-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const stateFile = join(directory, 'state.json');
    const before = await startTestEmulator({ stateFile });
    const { sign } = await registerServiceAccount(before.emulator);
    await before.emulator.close();
    expect(await readFile(stateFile, 'utf8')).not.toContain('PRIVATE KEY');
    const after = await startTestEmulator({ stateFile });
    expect((await exchange(after.client, await sign())).status).toBe(200);
  });

  test('comes for no JWT that differs from the right one', async () => {
    const { emulator, client } = await startTestEmulator();
    const { now, sign } = await registerServiceAccount(emulator);
    const { keyFile: foreign } = await registerServiceAccount(emulator);
    const foreignKey = foreign.private_key.replace(/^PLEASE.*\n/, '');
    const wrong: Readonly<Record<string, Partial<JwtParts>>> = {
      'signed with RS256': { alg: 'RS256' },
      'signed with PS512': { alg: 'PS512' },
      'signed with a foreign key': { privateKey: foreignKey },
      'with an unknown kid': { kid: 'absent' },
      'with the kid of another account': { kid: foreign.id, privateKey: foreignKey },
      'with another iss': { iss: foreign.service_account_id },
      'with another aud': { aud: 'https://iam.api.cloud.yandex.net/iam/v1/keys' },
      'with another typ': { typ: 'at+jwt' },
      expired: { iat: now - 3600, exp: now - 1 },
      'living longer than an hour': { exp: now + 3601 },
      'issued in the future': { iat: now + 600, exp: now + 1200 },
    };
    for (const [name, changed] of Object.entries(wrong)) {
      expect(await exchange(client, await sign(changed)), name).toMatchObject(unauthenticated);
    }
    expect((await exchange(client, await sign())).status).toBe(200);
  });

  test('comes for no JWT that was tampered with or is none', async () => {
    const { emulator, client } = await startTestEmulator();
    const { sign } = await registerServiceAccount(emulator);
    const good = await sign();
    const [header = '', payload = '', signature = ''] = good.split('.');
    const kid: unknown = JSON.parse(Buffer.from(header, 'base64url').toString()).kid;
    for (const jwt of [
      'rubbish',
      '..',
      `${header}.${payload}.`,
      `${header}.${encode({ iss: 'admin' })}.${signature}`,
      `${encode({ alg: 'none', typ: 'JWT', kid })}.${payload}.`,
      `${encode({ alg: 'PS256', typ: 'JWT', kid: { a: 1 } })}.${payload}.${signature}`,
      good.slice(0, -4),
    ]) {
      const reply = await exchange(client, jwt);
      expect(reply).toMatchObject(unauthenticated);
      expect(reply.text).not.toContain(signature);
    }
  });

  test('does not come for a missing JWT or an OAuth token', async () => {
    const { client } = await startTestEmulator();
    for (const body of [{}, { jwt: '' }, { jwt: 7 }, { yandexPassportOauthToken: 'y0_secret' }]) {
      const reply = await client.post('/iam/v1/tokens', body);
      expect(reply).toMatchObject(invalid);
      expect(reply.text).not.toContain('y0_secret');
    }
  });
});

test('the metadata service gives a token, but only with its header', async () => {
  const { emulator, client } = await startTestEmulator({ tokenLifetimeSeconds: 42 });
  const path = '/computeMetadata/v1/instance/service-accounts/default/token';
  const reply = await client.get(path, { authorization: '', 'metadata-flavor': 'Google' });
  expect(reply.json).toEqual({ access_token: expect.any(String), expires_in: 42, token_type: 'Bearer' });
  expect(await isAccepted(emulator, textAt(reply, 'access_token'))).toBe(true);
  expect(await client.get(path)).toMatchObject({ status: 403, json: { code: 7 } });
});

const postForm = (client: EmulatorClient, form: Record<string, string>, contentType?: string) =>
  client.send('POST', '/oauth/token', new URLSearchParams(form).toString(), {
    authorization: '',
    'content-type': contentType ?? 'application/x-www-form-urlencoded',
  });

describe('workload identity', () => {
  const right = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    audience: 'aje00000000000000000',
    subject_token: 'projected',
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
  };
  test('gives a token for the right form', async () => {
    const { emulator, client } = await startTestEmulator();
    const reply = await postForm(client, right);
    expect(reply.json).toEqual({
      access_token: expect.any(String),
      expires_in: 3600,
      token_type: 'Bearer',
      issued_token_type: right.requested_token_type,
    });
    expect(await isAccepted(emulator, textAt(reply, 'access_token'))).toBe(true);
  });

  test('gives none where a field is missing or another, or where the form is sent as JSON', async () => {
    const { client } = await startTestEmulator();
    for (const name of Object.keys(right)) {
      expect(await postForm(client, { ...right, [name]: '' }), name).toMatchObject(invalid);
    }
    expect(await postForm(client, { ...right, grant_type: 'password' })).toMatchObject(invalid);
    expect(await postForm(client, right, 'application/json')).toMatchObject(invalid);
  });
});

test('no other token is accepted, and none is told back', async () => {
  const { emulator, client } = await startTestEmulator({ token: 'the-right-token' });
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    'Bearer wrong-canary',
    'Bearer the-right-token2',
    'Bearer the-right-token extra',
    'Basic the-right-token',
    'the-right-token',
  ]) {
    for (const [path, body] of [
      ['/kms/v1/keys/key-1:encrypt', { plaintext: 'YQ==' }],
      ['/kms/v1/keys/key-1:rotate', {}],
      ['/kms/v1/keys', { defaultAlgorithm: 'AES_256' }],
    ] as const) {
      const reply = await client.post(path, body, { authorization });
      expect(reply, `${authorization} ${path}`).toMatchObject(unauthenticated);
      expect(reply.text).not.toMatch(/canary|the-right-token/);
    }
    expect(await client.get('/kms/v1/keys', { authorization })).toMatchObject(unauthenticated);
  }
  expect(await isAccepted(emulator, 'the-right-token')).toBe(true);
});

test('a token stays good when another one is issued', async () => {
  const { emulator, client } = await startTestEmulator();
  const path = '/computeMetadata/v1/instance/service-accounts/default/token';
  const issue = async () => textAt(await client.get(path, { 'metadata-flavor': 'Google' }), 'access_token');
  const [first, second] = [await issue(), await issue()];
  expect(first).not.toBe(second);
  expect(await isAccepted(emulator, first)).toBe(true);
  expect(await isAccepted(emulator, second)).toBe(true);
});

test('a random token is another one each time', async () => {
  const [left, right] = await Promise.all([startTestEmulator(), startTestEmulator()]);
  expect(left.emulator.token).not.toBe(right.emulator.token);
  expect(await isAccepted(left.emulator, right.emulator.token)).toBe(false);
});
