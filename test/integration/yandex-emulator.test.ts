import { describe, expect, onTestFinished, test } from 'vitest';
import { startEmulator, type Emulator } from '../../src/kms/emulator/server.ts';
import { createYandexKeyService, type YandexAuth } from '../../src/kms/yandex/client.ts';
import { keyServiceContract } from '../contract/key-service.ts';
import { connectYandex, never, someItem, thrownBy } from '../support/yandex-service.ts';

const keyId = 'demo';

/** Makes a new primary version and returns its id. */
async function rotateKey(emulator: Emulator): Promise<string> {
  const response = await fetch(`${emulator.endpoint}/kms/v1/keys/${keyId}:rotate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${emulator.token}` },
  });
  expect(response.status).toBe(200);
  return primaryVersion(emulator);
}

function primaryVersion(emulator: Emulator): string {
  const key = emulator.keys.find((key) => key.keyId === keyId);
  if (key === undefined) throw new Error('no key');
  return key.primaryVersionId;
}

keyServiceContract('Yandex KMS, as emulated', { changesAad: true }, async () => {
  const emulator = await startEmulator({ port: 0, keys: [keyId] });
  const old = primaryVersion(emulator);
  const current = await rotateKey(emulator);
  const service = createYandexKeyService({
    endpoint: emulator.endpoint,
    auth: { kind: 'iamToken', token: emulator.token },
    timeoutMs: 10_000,
    concurrency: 4,
  });
  return {
    service,
    keyId,
    versions: [old, current],
    absentVersionId: 'abj00000000000000000',
    encrypt: async (plaintext, aad, versionId) => {
      const request = { keyId, aad, plaintext, ...(versionId !== undefined && { versionId }) };
      return (await service.encrypt(request)).ciphertext;
    },
    decrypt: async (ciphertext, aad) => (await service.decrypt({ keyId, aad, ciphertext })).plaintext,
    close: async () => {
      await service.close();
      await emulator.close();
    },
  };
});

async function startWithTest(options: Partial<Parameters<typeof startEmulator>[0]> = {}): Promise<Emulator> {
  const emulator = await startEmulator({ port: 0, keys: [keyId], ...options });
  onTestFinished(() => emulator.close());
  return emulator;
}

describe('Yandex KMS, as emulated', () => {
  test('issues tokens for each way to ask for one', async () => {
    const emulator = await startWithTest();
    const { endpoint } = emulator;
    const keyJson = await emulator.newServiceAccountKey();
    const ways: YandexAuth[] = [
      { kind: 'iamToken', token: emulator.token },
      { kind: 'serviceAccountKey', keyJson, iamEndpoint: endpoint },
      { kind: 'metadata', metadataEndpoint: endpoint },
      {
        kind: 'workloadIdentity',
        readToken: () => Promise.resolve('projected'),
        serviceAccountId: 'sa',
        endpoint,
      },
    ];
    for (const auth of ways) {
      expect(await connectYandex(endpoint, { auth }).currentVersion(keyId)).toBe(primaryVersion(emulator));
    }
  });

  test('outlives its tokens without one failed call', async () => {
    const emulator = await startWithTest({ tokenLifetimeSeconds: 1 });
    const auth = { kind: 'metadata', metadataEndpoint: emulator.endpoint } as const;
    const service = connectYandex(emulator.endpoint, { auth });
    const untilMs = performance.now() + 1500;
    while (performance.now() < untilMs) expect(await service.currentVersion(keyId)).not.toBe('');
  });

  test('stops the rotation over a token that it does not know', async () => {
    const { endpoint } = await startWithTest();
    const service = connectYandex(endpoint, { auth: { kind: 'iamToken', token: 'wrong' } });
    expect(await thrownBy(service.currentVersion(keyId))).toMatchObject({
      faultClass: 'rotation',
      code: 'UNAUTHENTICATED',
    });
  });

  test('asks for a slower pace beyond its quota', async () => {
    const emulator = await startWithTest({ quota: 1 });
    const service = connectYandex(emulator.endpoint, { auth: { kind: 'iamToken', token: emulator.token } });
    await service.currentVersion(keyId);
    const fault = await thrownBy(service.reEncrypt([{ ...someItem, keyId, sourceKeyId: keyId }], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'RESOURCE_EXHAUSTED', throttled: true });
  });
});
