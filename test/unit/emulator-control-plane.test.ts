import { describe, expect, test } from 'vitest';
import { primaryOf, startTestEmulator, textAt, type EmulatorClient } from '../support/emulator-client.ts';

const keyOne = '/kms/v1/keys/key-1';
const start = Date.parse('2030-01-01T00:00:00Z');
const weekMs = 604_800_000;

/** An emulator whose clock stands until it is moved. */
async function startAt(now: number) {
  const clock = { now };
  const started = await startTestEmulator({ now: () => clock.now });
  return { ...started, clock };
}

async function encryptUnder(client: EmulatorClient, versionId: string) {
  return client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==', versionId });
}

const refusedByState = { status: 400, json: { code: 9 } };
const invalid = { status: 400, json: { code: 3 } };
const notFound = { status: 404, json: { code: 5 } };

describe('a key', () => {
  test('is shown with the fields of the API', async () => {
    const { emulator, client } = await startAt(start);
    const at = '2030-01-01T00:00:00.000Z';
    expect((await client.get(keyOne)).json).toEqual({
      id: 'key-1',
      folderId: 'emulator',
      createdAt: at,
      name: 'key-1',
      description: '',
      labels: {},
      status: 'ACTIVE',
      primaryVersion: {
        id: primaryOf(emulator, 'key-1'),
        keyId: 'key-1',
        status: 'ACTIVE',
        algorithm: 'AES_256',
        createdAt: at,
        primary: true,
        hostedByHsm: false,
      },
      defaultAlgorithm: 'AES_256',
      rotatedAt: at,
      deletionProtection: false,
    });
    expect(await client.get('/kms/v1/keys/absent')).toMatchObject(notFound);
  });

  test('is created by an operation that is done, and listed in its folder only', async () => {
    const { client } = await startAt(start);
    const request = {
      folderId: 'folder-1',
      name: 'payroll',
      description: 'wages',
      labels: { team: 'hr' },
      defaultAlgorithm: 'AES_128',
      deletionProtection: true,
    };
    const created = await client.post('/kms/v1/keys', request);
    const keyId = textAt(created, 'response.id');
    expect(created.json).toEqual({
      id: expect.any(String),
      description: 'Create symmetric key',
      createdAt: '2030-01-01T00:00:00.000Z',
      createdBy: expect.any(String),
      modifiedAt: '2030-01-01T00:00:00.000Z',
      done: true,
      metadata: {
        '@type': 'type.googleapis.com/yandex.cloud.kms.v1.CreateSymmetricKeyMetadata',
        keyId,
        primaryVersionId: textAt(created, 'response.primaryVersion.id'),
      },
      response: expect.objectContaining({
        '@type': 'type.googleapis.com/yandex.cloud.kms.v1.SymmetricKey',
        ...request,
      }),
    });
    expect((await client.post(`/kms/v1/keys/${keyId}:encrypt`, { plaintext: 'YQ==' })).status).toBe(200);
    const inFolder = await client.get('/kms/v1/keys?folderId=folder-1');
    expect(inFolder.json).toMatchObject({ keys: [{ id: keyId }], nextPageToken: '' });
    const elsewhere = await client.get('/kms/v1/keys?folderId=emulator');
    expect(elsewhere.json).toMatchObject({ keys: [{ id: 'key-1' }, { id: 'key-2' }] });
    expect(await client.post('/kms/v1/keys', { name: 'no algorithm' })).toMatchObject(invalid);
  });

  test('is changed in the fields of the mask and in no other', async () => {
    const { client } = await startAt(start);
    const body = JSON.stringify({ updateMask: 'description,labels', description: 'new', name: 'ignored' });
    const updated = await client.send('PATCH', keyOne, body);
    expect(updated.json).toMatchObject({
      done: true,
      metadata: { keyId: 'key-1' },
      response: { name: 'key-1', description: 'new', labels: {} },
    });
    for (const request of [
      { description: 'no mask' },
      { updateMask: 'id' },
      { updateMask: 'status', status: 'CREATING' },
      { updateMask: 'status' },
      { updateMask: 'name', name: 'x'.repeat(101) },
    ]) {
      expect(await client.send('PATCH', keyOne, JSON.stringify(request))).toMatchObject(invalid);
    }
  });

  test('neither encrypts nor decrypts while it is INACTIVE', async () => {
    const { client } = await startAt(start);
    const ciphertext = textAt(await client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==' }), 'ciphertext');
    const setStatus = (status: string) =>
      client.send('PATCH', keyOne, JSON.stringify({ updateMask: 'status', status }));
    await setStatus('INACTIVE');
    expect(await client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==' })).toMatchObject(refusedByState);
    expect(await client.post(`${keyOne}:decrypt`, { ciphertext })).toMatchObject(refusedByState);
    const moving = { sourceKeyId: 'key-1', ciphertext };
    expect(await client.post('/kms/v1/keys/key-2:reEncrypt', moving)).toMatchObject(refusedByState);
    await setStatus('ACTIVE');
    expect((await client.post(`${keyOne}:decrypt`, { ciphertext })).status).toBe(200);
  });
});

describe('versions', () => {
  test('come in pages that lose and repeat none, also while the key is rotated', async () => {
    const { client } = await startAt(start);
    for (let rotation = 0; rotation < 4; rotation++) await client.post(`${keyOne}:rotate`, {});
    const pageOne = await client.get(`${keyOne}/versions?pageSize=2`);
    await client.post(`${keyOne}:rotate`, {});
    const tokenOne = encodeURIComponent(textAt(pageOne, 'nextPageToken'));
    const pageTwo = await client.get(`${keyOne}/versions?pageSize=2&pageToken=${tokenOne}`);
    const tokenTwo = encodeURIComponent(textAt(pageTwo, 'nextPageToken'));
    const pageThree = await client.get(`${keyOne}/versions?page_size=2&page_token=${tokenTwo}`);
    expect(textAt(pageThree, 'nextPageToken')).toBe('');
    const ids = [pageOne, pageTwo, pageThree].flatMap(({ text }) => text.match(/(?<="id":")\w+/g));
    expect(new Set(ids).size).toBe(6);
    expect(ids).toHaveLength(6);
    for (const query of ['pageSize=-1', 'pageSize=1001', 'pageSize=x', 'pageToken=rubbish']) {
      expect(await client.get(`${keyOne}/versions?${query}`)).toMatchObject(invalid);
    }
  });

  test('rotate makes a new primary and keeps the old version for decryption', async () => {
    const { emulator, client, clock } = await startAt(start);
    const old = primaryOf(emulator, 'key-1');
    const ciphertext = textAt(await encryptUnder(client, ''), 'ciphertext');
    clock.now += 5000;
    const rotated = await client.send('POST', `${keyOne}:rotate`, '');
    const fresh = primaryOf(emulator, 'key-1');
    expect(rotated.json).toMatchObject({
      done: true,
      metadata: { keyId: 'key-1', newPrimaryVersionId: fresh },
      response: { primaryVersion: { id: fresh, primary: true }, rotatedAt: '2030-01-01T00:00:05.000Z' },
    });
    expect(fresh).not.toBe(old);
    expect(textAt(await encryptUnder(client, ''), 'versionId')).toBe(fresh);
    expect(textAt(await encryptUnder(client, old), 'versionId')).toBe(old);
    expect(textAt(await client.post(`${keyOne}:decrypt`, { ciphertext }), 'versionId')).toBe(old);

    const back = await client.post(`${keyOne}:setPrimaryVersion`, { versionId: old });
    expect(back.json).toMatchObject({ metadata: { keyId: 'key-1', versionId: old } });
    expect(textAt(await encryptUnder(client, ''), 'versionId')).toBe(old);
    expect(await client.post(`${keyOne}:setPrimaryVersion`, { versionId: 'absent' })).toMatchObject(notFound);
    expect(await client.post(`${keyOne}:setPrimaryVersion`, {})).toMatchObject(invalid);
  });

  test('a scheduled version does nothing, and all again once it is restored', async () => {
    const { emulator, client } = await startAt(start);
    const old = primaryOf(emulator, 'key-1');
    const ciphertext = textAt(await encryptUnder(client, ''), 'ciphertext');
    await client.post(`${keyOne}:rotate`, {});
    const scheduled = await client.post(`${keyOne}:scheduleVersionDestruction`, { versionId: old });
    expect(scheduled.json).toMatchObject({
      metadata: { keyId: 'key-1', versionId: old, destroyAt: '2030-01-08T00:00:00.000Z' },
      response: { id: old, status: 'SCHEDULED_FOR_DESTRUCTION', destroyAt: '2030-01-08T00:00:00.000Z' },
    });
    expect(await encryptUnder(client, old)).toMatchObject(refusedByState);
    expect(await client.post(`${keyOne}:decrypt`, { ciphertext })).toMatchObject(refusedByState);
    const moving = { sourceKeyId: 'key-1', ciphertext };
    expect(await client.post(`${keyOne}:reEncrypt`, moving)).toMatchObject(refusedByState);
    for (const action of ['setPrimaryVersion', 'scheduleVersionDestruction']) {
      expect(await client.post(`${keyOne}:${action}`, { versionId: old })).toMatchObject(refusedByState);
    }

    const restored = await client.post(`${keyOne}:cancelVersionDestruction`, { versionId: old });
    expect(restored.json).toMatchObject({ response: { id: old, status: 'ACTIVE' } });
    expect(restored.text).not.toContain('destroyAt');
    expect((await client.post(`${keyOne}:decrypt`, { ciphertext })).status).toBe(200);
    const again = await client.post(`${keyOne}:cancelVersionDestruction`, { versionId: old });
    expect(again).toMatchObject(refusedByState);
  });

  test.each([
    ['604800s', weekMs],
    ['60s', 60_000],
    [null, weekMs],
  ])('a version is destroyed for good once its pending period (%s) has passed', async (pendingPeriod, ms) => {
    const { emulator, client, clock } = await startAt(start);
    const old = primaryOf(emulator, 'key-1');
    const ciphertext = textAt(await encryptUnder(client, ''), 'ciphertext');
    await client.post(`${keyOne}:rotate`, {});
    await client.post(`${keyOne}:scheduleVersionDestruction`, { versionId: old, pendingPeriod });
    clock.now = start + ms - 1;
    expect((await client.get(`${keyOne}/versions`)).text).toContain('SCHEDULED_FOR_DESTRUCTION');
    clock.now = start + ms;
    expect((await client.get(`${keyOne}/versions`)).json).toMatchObject({
      keyVersions: [{ id: old, status: 'DESTROYED' }, { status: 'ACTIVE' }],
    });
    expect(await client.post(`${keyOne}:decrypt`, { ciphertext })).toMatchObject(refusedByState);
    const cancelled = await client.post(`${keyOne}:cancelVersionDestruction`, { versionId: old });
    expect(cancelled).toMatchObject(refusedByState);
    // Any change of the key drops the secret, so that not even a clock set back revives it.
    await client.post(`${keyOne}:rotate`, {});
    clock.now = start;
    expect(await client.post(`${keyOne}:decrypt`, { ciphertext })).toMatchObject(refusedByState);
  });

  test('the primary version cannot be destroyed', async () => {
    const { emulator, client } = await startAt(start);
    const request = { versionId: primaryOf(emulator, 'key-1') };
    expect(await client.post(`${keyOne}:scheduleVersionDestruction`, request)).toMatchObject(refusedByState);
    for (const pendingPeriod of ['-1s', 'soon', 7]) {
      const bad = { ...request, pendingPeriod };
      expect(await client.post(`${keyOne}:scheduleVersionDestruction`, bad)).toMatchObject(invalid);
    }
  });
});
