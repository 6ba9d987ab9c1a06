import { describe, expect, test, vi } from 'vitest';
import type { ObservedCall } from '../../src/kms/emulator/crypto-service.ts';
import { stagedFailures, type StagedFailure } from '../../src/kms/emulator/staged-failure.ts';
import { startTestEmulator, textAt } from '../support/emulator-client.ts';

const encryptPath = '/kms/v1/keys/key-1:encrypt';
const plaintext = { plaintext: 'YQ==' };

describe('the quota', () => {
  test('lets N calls through a second, and tells the others to come back in one', async () => {
    const calls: ObservedCall[] = [];
    const { client } = await startTestEmulator({ quota: 5, onCall: (call) => calls.push(call) });
    const replies = await Promise.all(Array.from({ length: 8 }, () => client.post(encryptPath, plaintext)));
    const refused = replies.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(3);
    for (const reply of refused) {
      expect(reply).toMatchObject({ status: 429, json: { code: 8 }, headers: { 'retry-after': '1' } });
    }
    await vi.waitFor(async () => expect((await client.post(encryptPath, plaintext)).status).toBe(200), {
      timeout: 5000,
    });
    const served = calls.filter(({ status }) => status === 200).map(({ at }) => at);
    expect((served[5] ?? 0) - (served[0] ?? 0)).toBeGreaterThanOrEqual(1000);
  });

  test('is not spent by calls without a token, nor by the control plane', async () => {
    const { client } = await startTestEmulator({ quota: 1 });
    for (let call = 0; call < 3; call++) {
      expect((await client.post(encryptPath, plaintext, { authorization: '' })).status).toBe(401);
      expect((await client.get('/kms/v1/keys/key-1')).status).toBe(200);
    }
    expect((await client.post(encryptPath, plaintext)).status).toBe(200);
    expect((await client.post(encryptPath, plaintext)).status).toBe(429);
  });
});

/** An emulator whose calls all fail in one way. */
async function startFailing(failure: StagedFailure) {
  const calls: ObservedCall[] = [];
  const how = (stagedFailures.indexOf(failure) + 0.5) / stagedFailures.length;
  const { client } = await startTestEmulator({
    failRate: 1,
    random: () => how,
    onCall: (call) => calls.push(call),
  });
  return { client, calls };
}

describe('a staged failure', () => {
  test.each([
    ['internal', { status: 500, json: { code: 13 } }],
    ['unavailable', { status: 503, json: { code: 14 }, headers: { 'retry-after': '1' } }],
    ['throttled', { status: 429, json: { code: 8 } }],
    [
      'htmlPage',
      { status: 502, json: undefined, headers: { 'content-type': expect.stringContaining('text/html') } },
    ],
    ['emptyError', { status: 500, text: '' }],
  ] as const)('%s comes as a real service would send it', async (failure, expected) => {
    const { client, calls } = await startFailing(failure);
    const reply = await client.post(encryptPath, plaintext);
    expect(reply).toMatchObject(expected);
    expect(reply.headers['x-request-id']).toBeDefined();
    expect(calls).toMatchObject([{ status: expected.status }]);
    expect((await client.get('/kms/v1/keys/key-1')).status).toBe(200);
  });

  test('reset cuts the connection without an answer', async () => {
    const { client, calls } = await startFailing('reset');
    await expect(client.post(encryptPath, plaintext)).rejects.toThrow(
      expect.objectContaining({ code: 'ECONNRESET' }),
    );
    expect(calls).toMatchObject([{ status: 0 }]);
  });

  test('comes as often as the fail rate says', async () => {
    const draws = [0.1, 0, 0.9, 0.2, 0, 0.3];
    const { client } = await startTestEmulator({ failRate: 0.25, random: () => draws.shift() ?? 1 });
    const statuses: number[] = [];
    for (let call = 0; call < 4; call++) statuses.push((await client.post(encryptPath, plaintext)).status);
    expect(statuses).toEqual([500, 200, 500, 200]);
  });
});

test('the latency is added to every call', async () => {
  const { client } = await startTestEmulator({ latencyMs: 40 });
  const before = performance.now();
  expect((await client.post(encryptPath, plaintext)).status).toBe(200);
  expect(performance.now() - before).toBeGreaterThanOrEqual(39);
});

test('every call is observed before its caller has the answer, with method, key, status and time', async () => {
  const calls: ObservedCall[] = [];
  const { client } = await startTestEmulator({ onCall: (call) => calls.push(call) });
  const before = performance.now();
  await client.post(encryptPath, plaintext);
  expect(calls).toHaveLength(1);
  await client.post('/kms/v1/keys/absent:reEncrypt', { sourceKeyId: 'absent', ciphertext: 'YQ==' });
  await client.post('/kms/v1/keys/key-2:generateDataKey', { dataKeySpec: 'AES_256' }, { authorization: '' });
  await client.get('/kms/v1/keys/key-1');
  expect(calls.map(({ method, keyId, status }) => [method, keyId, status])).toEqual([
    ['encrypt', 'key-1', 200],
    ['reEncrypt', 'absent', 404],
    ['generateDataKey', 'key-2', 401],
  ]);
  for (const { at } of calls) {
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(performance.now());
  }
});

test('close does not wait for idle connections or for calls under way', async () => {
  let clockReads = 0;
  const now = (): number => {
    clockReads += 1;
    return Date.now();
  };
  const { emulator, client } = await startTestEmulator({ latencyMs: 60_000, now });
  const issued = await client.get('/computeMetadata/v1/instance/service-accounts/default/token', {
    'metadata-flavor': 'Google',
  });
  const authorization = `Bearer ${textAt(issued, 'access_token')}`;
  const readsBefore = clockReads;
  const underWay = client.post(encryptPath, plaintext, { authorization }).catch(() => 'cut');
  // The call has arrived when the age of its token is looked at.
  await vi.waitFor(() => expect(clockReads).toBeGreaterThan(readsBefore));
  const before = performance.now();
  await emulator.close();
  expect(performance.now() - before).toBeLessThan(2000);
  expect(await underWay).toBe('cut');
});
