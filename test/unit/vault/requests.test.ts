import { describe, expect, test } from 'vitest';
import { Fault } from '../../../src/rotation/faults.ts';
import type { OnCall } from '../../../src/kms/connection/call-with-token.ts';
import { answerJson, loopbackCertificate, startRecordingServer } from '../../support/recording-server.ts';
import { connectVault, noAad, startVault } from '../../support/vault-service.ts';
import { never, thrownBy } from '../../support/yandex-service.ts';

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

describe('what is sent to Vault', () => {
  test('a batch names the pin of each item, and goes to the mount below the path of the endpoint', async () => {
    const { vault, makeItem } = await startVault({}, { mount: 'team/transit', namespace: 'admin/eu' });
    const address = { url: `${vault.url}/proxy/`, token: vault.rootToken, mount: '/team/transit/' };
    const service = connectVault(address, { namespace: 'admin/eu' });
    const item = await makeItem();
    await service.reEncrypt([item, item], never);
    await service.close();
    const input = { ciphertext: Buffer.from(item.ciphertext).toString(), key_version: 2 };
    expect(vault.received.at(-1)).toMatchObject({
      method: 'POST',
      path: '/proxy/v1/team/transit/rewrap/demo',
      headers: {
        'x-vault-token': vault.rootToken,
        'x-vault-request': 'true',
        'x-vault-namespace': 'admin/eu',
        'content-type': 'application/json',
      },
    });
    expect(JSON.parse(vault.received.at(-1)?.body ?? '')).toEqual({
      batch_input: [{ ...input, reference: expect.any(String) }, input],
    });
  });

  test('each call has a reference of its own, and a reply to another call is not taken', async () => {
    const { vault, service, makeItem } = await startVault();
    const items = [await makeItem(), await makeItem()];
    await service.reEncrypt(items, never);
    const first = JSON.parse(vault.received.at(-1)?.body ?? '').batch_input[0];
    const cached = { ciphertext: `vault:v2:${Buffer.alloc(40).toString('base64')}`, key_version: 2 };
    const results = (reference?: string) => ({
      status: 200,
      body: { data: { batch_results: [{ ...cached, reference }, cached] } },
    });
    vault.instead = () => results(first.reference);
    expect(await thrownBy(service.reEncrypt(items, never))).toMatchObject({
      faultClass: 'transient',
      code: 'BAD_REPLY',
    });
    // As old servers answer, which know of no reference.
    for (const reference of [undefined, '']) {
      vault.instead = () => results(reference);
      expect(await service.reEncrypt(items, never)).toHaveLength(2);
    }
  });

  test('a namespace that is not there stops the rotation', async () => {
    const { service } = await startVault({ namespace: 'nowhere' });
    const fault = await thrownBy(service.currentVersion('demo'));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'NOT_FOUND' });
    expect(fault.message).toContain('kms.namespace');
  });

  test('AAD goes as the context in base64', async () => {
    const { vault, service, makeItem } = await startVault({}, {}, { derived: true });
    const item = await makeItem({ sourceAad: bytes('customer/é') });
    const [result] = await service.reEncrypt([item], never);
    expect(result).toMatchObject({ versionId: '2', sourceVersionId: '1' });
    const sent = JSON.parse(vault.received.at(-1)?.body ?? '');
    expect(sent.batch_input).toMatchObject([{ context: Buffer.from('customer/é').toString('base64') }]);
  });

  test('records without AAD among others are set aside, and the others are done', async () => {
    const { vault, service, makeItem } = await startVault({}, {}, { derived: true });
    const good = await makeItem({ sourceAad: bytes('customer/1') });
    const bare = { ...good, sourceAad: noAad, aad: noAad };
    const results = await service.reEncrypt([bare, good, bare], never);
    const contextMissing = { faultClass: 'record', code: 'CONTEXT_MISSING' };
    expect(results).toMatchObject([contextMissing, { versionId: '2' }, contextMissing]);
    expect(JSON.parse(vault.received.at(-1)?.body ?? '').batch_input).toHaveLength(1);
  });

  test('what cannot go into JSON text or is empty is set aside, and is not sent', async () => {
    const { vault, service, makeItem } = await startVault();
    const before = vault.received.length;
    const binary = Uint8Array.from([0xff, 0xfe, 1]);
    const results = await service.reEncrypt(
      [
        await makeItem({ ciphertext: binary }),
        await makeItem({ ciphertext: bytes('vault:v1:x'), sourceAad: binary }),
        await makeItem({ ciphertext: noAad }),
      ],
      never,
    );
    expect(results.every((result) => result instanceof Fault)).toBe(true);
    expect(results).toMatchObject([
      { faultClass: 'record', code: 'NOT_TEXT' },
      { faultClass: 'record', code: 'NOT_TEXT' },
      { faultClass: 'record', code: 'EMPTY_CIPHERTEXT' },
    ]);
    expect(vault.received).toHaveLength(before);
  });

  test.each([
    ['another key', 'KEY_CHANGE', { sourceKeyId: 'other' }],
    ['another AAD', 'AAD_CHANGE', { aad: bytes('new') }],
    ['a version that is no number', 'BAD_ID', { versionId: 'v2' }],
    ['a key id that leaves its place in the path', 'BAD_ID', { keyId: '../sys', sourceKeyId: '../sys' }],
  ])('what rewrap cannot do stops the rotation before anything is sent: %s', async (_, code, change) => {
    const { vault, service, makeItem } = await startVault();
    const item = { ...(await makeItem()), ...change };
    const before = vault.received.length;
    expect(await thrownBy(service.reEncrypt([item], never))).toMatchObject({ faultClass: 'rotation', code });
    expect(vault.received).toHaveLength(before);
  });

  test('calls shrink to what a server takes that refuses large ones', async () => {
    const { service, makeItem } = await startVault({ itemsPerCall: 500 }, {}, { derived: true });
    const item = await makeItem({ sourceAad: bytes('customer/1') });
    const fill = () => Array.from({ length: service.itemsPerCall }, () => item);
    for (const fewer of [250, 125]) {
      const fault = await thrownBy(service.reEncrypt(fill(), never));
      expect(fault).toMatchObject({ faultClass: 'record', code: 'REQUEST_TOO_LARGE' });
      expect(service.itemsPerCall).toBe(fewer);
    }
    expect(await service.reEncrypt(fill(), never)).toHaveLength(125);
    expect(service.itemsPerCall).toBe(125);
  });

  test('every HTTP call to the engine is told to onCall with its code, those for tokens are not', async () => {
    const calls: [string, string][] = [];
    const onCall: OnCall = (method) => (code) => calls.push([method, code]);
    const { vault, service, makeItem } = await startVault({ onCall });
    await service.currentVersion('demo');
    vault.instead = () => ({ status: 502 });
    await thrownBy(service.reEncrypt([await makeItem({ ciphertext: bytes('vault:v1:x') })], never));
    expect(calls).toEqual([
      ['keys', 'OK'],
      ['rewrap', 'OK'],
      ['rewrap', 'HTTP_502'],
    ]);
  });

  test('an authority of our own is trusted when it is given', async () => {
    const server = await startRecordingServer((response) => answerJson(response, 503, {}), {});
    const address = { url: server.url, token: 't', mount: 'transit' };
    const codes: string[] = [];
    for (const options of [{ caPem: loopbackCertificate }, {}]) {
      const service = connectVault(address, options);
      codes.push((await thrownBy(service.currentVersion('demo'))).code);
      await service.close();
    }
    await server.close();
    expect(codes).toEqual(['UNAVAILABLE', 'TLS_ERROR']);
  });
});

describe('options of no use are usage faults at once', () => {
  const address = { url: 'http://127.0.0.1:1', token: 't', mount: 'transit' };

  test.each(['', '/', 'a//b', '../sys', 'a/./b', 'a b', 'a?b', 'ключ'])('mount %j', (mount) => {
    expect(() => connectVault({ ...address, mount })).toThrow(
      expect.objectContaining({ faultClass: 'usage', code: 'BAD_MOUNT' }),
    );
  });

  test.each(['', 'a b', 'a\r\nx-evil: 1'])('namespace %j', (namespace) => {
    expect(() => connectVault(address, { namespace })).toThrow(
      expect.objectContaining({ faultClass: 'usage', code: 'BAD_NAMESPACE' }),
    );
  });

  test.each(['', 'a b', 'a\r\nx-evil: 1'])('token %j', (token) => {
    expect(() => connectVault({ ...address, token })).toThrow(
      expect.objectContaining({ faultClass: 'usage', code: 'BAD_TOKEN' }),
    );
  });

  test('endpoint', () => {
    expect(() => connectVault({ ...address, url: 'vault:8200' })).toThrow(
      expect.objectContaining({ faultClass: 'usage', code: 'BAD_ENDPOINT' }),
    );
  });
});
