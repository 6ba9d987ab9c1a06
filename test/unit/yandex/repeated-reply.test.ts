import { describe, expect, test } from 'vitest';
import { createRefuseRepeated } from '../../../src/kms/yandex/repeated-reply.ts';
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

describe('of what it remembers', () => {
  /** The end of a ciphertext is its own. */
  const reply = (number: number): Buffer =>
    Buffer.concat([Buffer.alloc(40), Buffer.from([number >> 8, number])]);
  const request = (number: number): Buffer => Buffer.from(`ciphertext ${number}`);

  test('a reply repeated after 200 others is refused, and the same reply to the same request is not', () => {
    const refuseRepeated = createRefuseRepeated();
    for (let number = 0; number < 200; number += 1) refuseRepeated(reply(number), request(number));
    expect(() => refuseRepeated(reply(0), request(0))).not.toThrow();
    for (const number of [0, 100, 199])
      expect(() => refuseRepeated(reply(number), request(1000))).toThrow('REPLY_REPEATED');
  });

  test('another with the same last bytes takes its place, so that it does not grow', () => {
    const refuseRepeated = createRefuseRepeated();
    refuseRepeated(reply(1), request(1));
    refuseRepeated(reply(1 + 4096), request(2));
    expect(() => refuseRepeated(reply(1 + 4096), request(1000))).toThrow('REPLY_REPEATED');
    expect(() => refuseRepeated(reply(1), request(1000))).not.toThrow();
  });

  test('the shortest ciphertexts are told apart too', () => {
    const refuseRepeated = createRefuseRepeated();
    refuseRepeated(Buffer.from([1]), request(1));
    expect(() => refuseRepeated(Buffer.from([2]), request(2))).not.toThrow();
    expect(() => refuseRepeated(Buffer.from([1]), request(2))).toThrow('REPLY_REPEATED');
    expect(() => refuseRepeated(Buffer.from([2]), null)).toThrow('REPLY_REPEATED');
  });
});
