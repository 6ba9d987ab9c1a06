import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { refusal, sealed, standby, type Reply } from '../../support/vault-double.ts';
import { startVault } from '../../support/vault-service.ts';
import { createTransitKey } from '../../support/vault-transit.ts';
import { never, thrownBy } from '../../support/yandex-service.ts';

const payload = Buffer.alloc(40, 1).toString('base64');

/** What a call of one record throws where Vault answers so. */
async function faultFor(reply: Reply) {
  const { vault, service, makeItem } = await startVault();
  const item = await makeItem();
  vault.instead = ({ path }) => (path.includes('/rewrap/') ? reply : null);
  return thrownBy(service.reEncrypt([item], never));
}

describe('a call that fails as a whole', () => {
  test.each([
    ['sealed', sealed, 'transient', 'SEALED'],
    ['standby', standby, 'transient', 'STANDBY'],
    ['a standby of a performance or disaster replica', { status: 472 }, 'transient', 'STANDBY'],
    ['standby by its health', { status: 473 }, 'transient', 'STANDBY'],
    ['a replica that lags', { status: 412 }, 'transient', 'NOT_CAUGHT_UP'],
    ['an error of its own', refusal(500, 'internal error'), 'transient', 'INTERNAL'],
    ['a proxy before it', { status: 502, body: '<html>canary' }, 'transient', 'HTTP_502'],
    ['not ready', { status: 503 }, 'transient', 'UNAVAILABLE'],
    ['a gateway that waited', { status: 504 }, 'transient', 'DEADLINE_EXCEEDED'],
    ['forbidden', refusal(403, 'permission denied'), 'rotation', 'PERMISSION_DENIED'],
    ['no mount', refusal(404, 'no handler for route "transit/rewrap/demo"'), 'rotation', 'NOT_FOUND'],
    ['another engine', refusal(405, 'unsupported operation'), 'rotation', 'NOT_FOUND'],
    ['no key', refusal(400, 'encryption key not found'), 'rotation', 'NOT_FOUND'],
    ['refused', refusal(400, 'canary'), 'rotation', 'INVALID_ARGUMENT'],
    ['moved', { status: 301, headers: { location: 'https://canary' } }, 'rotation', 'REDIRECT'],
    ['too large', refusal(413, 'http: request body too large'), 'record', 'REQUEST_TOO_LARGE'],
    ['too many parts', refusal(400, 'exceeded maximum number of strings'), 'record', 'REQUEST_TOO_LARGE'],
    ['an RSA key', refusal(500, 'failed to RSA decrypt the ciphertext: x'), 'record', 'BAD_CIPHERTEXT'],
  ] as const)('%s', async (_, reply, faultClass, code) => {
    const fault = await faultFor(reply);
    expect(fault).toMatchObject({ faultClass, code, peer: 'kms', throttled: false });
    expect(inspect(fault)).not.toContain('canary');
  });

  test('a quota slows the pace for as long as Vault asks', async () => {
    const reply = { ...refusal(429, 'rate limit quota exceeded'), headers: { 'retry-after': '7' } };
    expect(await faultFor(reply)).toMatchObject({
      faultClass: 'transient',
      code: 'RESOURCE_EXHAUSTED',
      throttled: true,
      retryAfterMs: 7000,
    });
  });

  test.each([
    ['sealed', sealed, 'unseal it'],
    ['standby', standby, 'active node'],
    ['forbidden', refusal(403), 'update on transit/rewrap/demo and read on transit/keys/demo'],
    ['too large', { status: 413 }, 'limits.batchSize'],
  ])('%s says what to do', async (_, reply, words) => {
    expect((await faultFor(reply)).message).toContain(words);
  });

  test('a cut connection is transient', async () => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    vault.instead = ({ path }) => (path.includes('/rewrap/') ? undefined : null);
    const fault = await thrownBy(service.reEncrypt([item], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'CONNECTION_RESET' });
  });
});

describe('a success that cannot be one is transient and nothing of it is used', () => {
  const good = { ciphertext: `vault:v2:${payload}`, key_version: 2 };
  test.each([
    ['no JSON', 'canary'],
    ['no results', { data: {} }],
    ['too few results', { data: { batch_results: [good] } }],
    ['too many results', { data: { batch_results: [good, good, good] } }],
    ['an empty result', { data: { batch_results: [good, {}] } }],
    ['an empty ciphertext', { data: { batch_results: [good, { ...good, ciphertext: '' }] } }],
    ['no prefix', { data: { batch_results: [good, { ...good, ciphertext: payload }] } }],
    ['two versions', { data: { batch_results: [good, { ...good, key_version: 1 }] } }],
    ['a version that is none', { data: { batch_results: [good, { ...good, key_version: 'two' }] } }],
    ['null', { data: { batch_results: [good, null] } }],
  ])('%s', async (_, body) => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    vault.instead = ({ path }) => (path.includes('/rewrap/') ? { status: 200, body } : null);
    const fault = await thrownBy(service.reEncrypt([item, item], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'BAD_REPLY', peer: 'kms' });
    expect(inspect(fault)).not.toContain('canary');
  });

  test('a version other than the pin is reported as it is, and one that is not named by the prefix', async () => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    const body = { data: { batch_results: [{ ciphertext: `vault:v1:${payload}` }] } };
    vault.instead = ({ path }) => (path.includes('/rewrap/') ? { status: 200, body } : null);
    expect(await service.reEncrypt([item], never)).toMatchObject([{ versionId: '1' }]);
  });
});

describe('the fault of an item', () => {
  test.each([200, 400])('stays with it, also in a reply with HTTP %i', async (partialFailureStatus) => {
    const { vault, service, makeItem } = await startVault();
    vault.partialFailureStatus = partialFailureStatus;
    const good = await makeItem();
    const text = Buffer.from(good.ciphertext).toString();
    const wrong = {
      BAD_CIPHERTEXT: [
        'rubbish',
        'vault:v1',
        'vault:vx:AAAA',
        'vault:v1:!!',
        'vault:v1:AAAA',
        `vault:v2:${text.slice(9)}`,
      ],
      VERSION_NOT_FOUND: ['vault:v3:AAAA'],
    };
    const codes = Object.entries(wrong).flatMap(([code, texts]) => texts.map(() => code));
    const items = Object.values(wrong)
      .flat()
      .map((each) => ({ ...good, ciphertext: Buffer.from(each) }));
    const results = await service.reEncrypt([good, ...items, good], never);
    expect(results).toMatchObject([
      { versionId: '2' },
      ...codes.map((code) => ({ faultClass: 'record', code })),
      { versionId: '2' },
    ]);
  });

  test('of a version that decrypts no more says what to do', async () => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    const key = vault.keys.get('demo') ?? createTransitKey();
    key.minDecryptionVersion = 2;
    const [result] = await service.reEncrypt([item], never);
    expect(result).toMatchObject({ faultClass: 'record', code: 'VERSION_NOT_USABLE' });
    expect(inspect(result)).toContain('min_decryption_version');
  });

  test('of a derived key without a context says what is missing', async () => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    const key = vault.keys.get('demo') ?? createTransitKey();
    vault.keys.set('demo', { ...key, derived: true });
    const [result] = await service.reEncrypt([item], never);
    expect(result).toMatchObject({ faultClass: 'record', code: 'CONTEXT_MISSING' });
  });

  test('that is one of the pin or the key stops the rotation, so that nothing is set aside', async () => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    const key = vault.keys.get('demo') ?? createTransitKey();
    key.minEncryptionVersion = 3;
    const fault = await thrownBy(service.reEncrypt([item], never));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'VERSION_NOT_USABLE' });
    vault.keys.set('demo', { ...key, type: 'ed25519' });
    expect(await thrownBy(service.reEncrypt([item], never))).toMatchObject({
      faultClass: 'rotation',
      code: 'KEY_NOT_USABLE',
    });
  });

  test('quotes nothing that Vault says', async () => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    const body = { data: { batch_results: [{ error: 'something about canary' }] } };
    vault.instead = ({ path }) => (path.includes('/rewrap/') ? { status: 200, body } : null);
    const [result] = await service.reEncrypt([item], never);
    expect(result).toMatchObject({ faultClass: 'record', code: 'INVALID_ARGUMENT' });
    expect(inspect(result)).not.toContain('canary');
  });
});
