import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startEmulator, type Emulator } from '../../src/kms/emulator/server.ts';
import { createYandexKeyService, type YandexKeyService } from '../../src/kms/yandex/client.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import { freshRedis } from '../support/peers.ts';
import { startS3Double, type S3Double } from '../support/s3-double.ts';

const records = 120;
/** Of the made-up application's data keys: each serves ten objects. */
const objectsPerKey = 10;
const env = { AWS_ACCESS_KEY_ID: 'double', AWS_SECRET_ACCESS_KEY: 'double-secret' };

let emulator: Emulator;
let kms: YandexKeyService;
let s3: S3Double;
let broker: Awaited<ReturnType<typeof freshRedis>>;
let current: string;

beforeEach(async () => {
  emulator = await startEmulator({ port: 0, keys: ['k1'] });
  const auth = { kind: 'iamToken', token: emulator.token } as const;
  kms = createYandexKeyService({ endpoint: emulator.endpoint, auth, timeoutMs: 10_000, concurrency: 16 });
  s3 = await startS3Double();
  broker = await freshRedis();
});
afterEach(async () => {
  await kms.close();
  await emulator.close();
  await s3.close();
  await broker.flush();
});

const keyOf = (index: number): string => `vault/${String(index).padStart(4, '0')} ü+%.enc`;

async function encrypt(text: string, aad: string): Promise<Buffer> {
  const request = { keyId: 'k1', plaintext: Buffer.from(text), aad: Buffer.from(aad) };
  return Buffer.from((await kms.encrypt(request)).ciphertext);
}

async function decrypt(ciphertext: Uint8Array, aad: string): Promise<[text: string, versionId: string]> {
  const { plaintext, versionId } = await kms.decrypt({ keyId: 'k1', ciphertext, aad: Buffer.from(aad) });
  return [Buffer.from(plaintext).toString(), versionId];
}

async function rotateKey(): Promise<void> {
  const headers = { authorization: `Bearer ${emulator.token}` };
  await fetch(`${emulator.endpoint}/kms/v1/keys/k1:rotate`, { method: 'POST', headers });
  current = await kms.currentVersion('k1');
}

function writeRotation(changes: object): Promise<string> {
  return writeConfig({
    rotation: 'objects',
    broker: broker.url,
    kms: { provider: 'yandex', endpoint: emulator.endpoint, auth: { iamToken: emulator.token } },
    store: { type: 's3', endpoint: s3.endpoint, bucket: s3.bucket, prefix: 'vault/', suffix: '.enc' },
    limits: { rate: 'none', batchSize: 50 },
    ...changes,
  });
}

describe('run over a bucket', () => {
  test('bodies come under the new version with all else as it was, and the certificate tells of old versions', async () => {
    for (let index = 0; index < records; index += 1) {
      const headers = { 'content-type': 'application/x-secret', 'x-amz-meta-owner': `o${index}` };
      s3.put(keyOf(index), await encrypt(`plain-${index}`, `object/${keyOf(index)}`), headers, 'team=a');
    }
    s3.put('vault/notes.txt', Buffer.from('no ciphertext'));
    s3.versioning = 'Enabled';
    await rotateKey();
    s3.requests.length = 0;
    const use = { keyId: 'k1', aadContext: 'object/{key}' };
    const config = await writeRotation({ source: use, target: use, format: 'raw' });
    const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json'], env);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rotated: records,
      certificate: {
        verdict: 'safe-to-retire',
        records,
        byVersion: { [current]: records },
        caveats: expect.arrayContaining([expect.stringMatching(/keeps older versions/)]),
      },
    });
    for (let index = 0; index < records; index += 1) {
      const object = s3.objects.get(keyOf(index));
      expect(object?.headers).toMatchObject({
        'content-type': 'application/x-secret',
        'x-amz-meta-owner': `o${index}`,
      });
      expect(object?.tags).toBe('team=a');
      const opened = await decrypt(object?.body ?? Buffer.alloc(0), `object/${keyOf(index)}`);
      expect(opened).toEqual([`plain-${index}`, current]);
    }
    expect(s3.objects.get('vault/notes.txt')?.body.toString()).toBe('no ciphertext');
    const puts = s3.requests.filter(
      ({ method, key }) => method === 'PUT' && !key.includes('.keyturn-check-'),
    );
    expect(puts.every(({ headers }) => headers['if-match'] !== undefined)).toBe(true);
    // Nothing secret leaves: neither credentials nor what lies in the objects.
    for (const secret of [emulator.token, env.AWS_SECRET_ACCESS_KEY, 'plain-'])
      expect(stdout + stderr).not.toContain(secret);
  }, 60_000);

  test('headers with wrapped keys come under the new version, and no body is ever downloaded', async () => {
    const wrapped = await Promise.all(
      Array.from({ length: records / objectsPerKey }, async (_, number) =>
        (await encrypt(`data key ${number}`, 'tenant/7')).toString('base64'),
      ),
    );
    for (let index = 0; index < records; index += 1) {
      const key = wrapped[Math.floor(index / objectsPerKey)] ?? '';
      const headers = { 'x-amz-meta-key': key, 'x-amz-meta-tenant': '7' };
      s3.put(keyOf(index), Buffer.from(`payload ${index}`), headers);
    }
    await rotateKey();
    s3.requests.length = 0;
    const use = { keyId: 'k1', aadContext: 'tenant/{metadata.tenant}' };
    const store = { type: 's3', endpoint: s3.endpoint, bucket: s3.bucket, ciphertext: { metadata: 'key' } };
    const config = await writeRotation({ store, source: use, target: use, format: 'base64' });
    const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json'], env);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rotated: records,
      certificate: { verdict: 'safe-to-retire' },
    });
    for (let index = 0; index < records; index += 1) {
      const object = s3.objects.get(keyOf(index));
      expect(object?.body.toString()).toBe(`payload ${index}`);
      const ciphertext = Buffer.from(object?.headers['x-amz-meta-key'] ?? '', 'base64');
      const dataKey = `data key ${Math.floor(index / objectsPerKey)}`;
      expect(await decrypt(ciphertext, 'tenant/7')).toEqual([dataKey, current]);
    }
    const objectGets = s3.requests.filter(
      ({ method, key, query }) => method === 'GET' && key !== '' && query.size === 0,
    );
    expect(objectGets).toEqual([]);
  }, 60_000);

  test('a server that does not compare is refused before an object is touched', async () => {
    s3.put(keyOf(1), await encrypt('plain', ''));
    s3.ignored.add('if-match');
    const before = s3.objects.get(keyOf(1))?.etag;
    await rotateKey();
    const key = { keyId: 'k1' };
    const config = await writeRotation({ source: key, target: key, format: 'raw' });
    for (const command of ['check', 'run']) {
      const { code, stdout, stderr } = await runCli([command, '-c', config], env);
      expect(code).toBe(3);
      expect(stdout + stderr).toMatch(/S3 server cannot be written to safely.*If-Match/);
    }
    expect(s3.objects.get(keyOf(1))?.etag).toBe(before);
    expect([...s3.objects.keys()]).toEqual([keyOf(1)]);
  }, 60_000);
});
