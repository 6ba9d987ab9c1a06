import { expect, test } from 'vitest';
import { Fault } from '../../../src/rotation/faults.ts';
import { answerJson, type Answer } from '../../support/recording-server.ts';
import { never, someItem, startYandex, thrownBy } from '../../support/yandex-service.ts';

/** As a gateway that caches by URL: the same to all. */
const cached: Answer = (response) =>
  answerJson(response, 200, {
    keyId: 'new-key',
    versionId: 'v2',
    sourceKeyId: 'old-key',
    sourceVersionId: 'v1',
    ciphertext: Buffer.alloc(100, 7).toString('base64'),
    dataKeyPlaintext: Buffer.alloc(32, 7).toString('base64'),
    dataKeyCiphertext: Buffer.alloc(100, 8).toString('base64'),
  });

test('one ciphertext for two records stops the rotation: one of them would be lost', async () => {
  const { service } = await startYandex(cached);
  await service.reEncrypt([someItem], never);
  const other = { ...someItem, ciphertext: Buffer.from('another') };
  const fault = await thrownBy(service.reEncrypt([other], never));
  expect(fault).toMatchObject({ faultClass: 'rotation', code: 'REPLY_REPEATED', peer: 'kms' });
  expect(fault.message).toContain('a proxy');
});

test('the same question again may have the same answer, as of a gateway that knows a repeated request', async () => {
  const { service } = await startYandex(cached);
  for (let time = 0; time < 3; time += 1)
    expect((await service.reEncrypt([someItem], never))[0]).not.toBeInstanceOf(Fault);
});

test('a data key comes once', async () => {
  const { service } = await startYandex(cached);
  const request = {
    keyId: 'new-key',
    versionId: 'v2',
    aad: new Uint8Array(),
    dataKeySpec: 'AES_256',
  } as const;
  await service.generateDataKey(request, never);
  expect(await thrownBy(service.generateDataKey(request, never))).toMatchObject({ code: 'REPLY_REPEATED' });
});
