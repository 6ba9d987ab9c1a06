import { onTestFinished } from 'vitest';
import type { Fault } from '../../src/rotation/faults.ts';
import type { ReEncryptItem } from '../../src/rotation/ports/key-service.ts';
import {
  createYandexKeyService,
  type YandexKeyService,
  type YandexKeyServiceOptions,
} from '../../src/kms/yandex/client.ts';
import { startRecordingServer, type Answer, type RecordingServer } from './recording-server.ts';

export const never = new AbortController().signal;

export const someItem: ReEncryptItem = {
  sourceKeyId: 'old-key',
  sourceAad: Buffer.from('old aad'),
  keyId: 'new-key',
  versionId: 'v2',
  aad: Buffer.from('new aad'),
  ciphertext: Buffer.from([0, 1, 254, 255]),
};

/** A key service with a static token on `endpoint`, closed with the test. */
export function connectYandex(
  endpoint: string,
  options: Partial<YandexKeyServiceOptions> = {},
): YandexKeyService {
  const service = createYandexKeyService({
    endpoint,
    auth: { kind: 'iamToken', token: 't1.token' },
    timeoutMs: 10_000,
    concurrency: 2,
    ...options,
  });
  onTestFinished(() => service.close());
  return service;
}

/** A KMS that answers every request with `answer`, and a key service on it. */
export async function startYandex(
  answer: Answer,
  options: Partial<YandexKeyServiceOptions> = {},
): Promise<{ kms: RecordingServer; service: YandexKeyService }> {
  const kms = await startRecordingServer(answer);
  onTestFinished(() => kms.close());
  return { kms, service: connectYandex(kms.url, options) };
}

/** What a call throws, to look at. Fails if it throws nothing. */
export async function thrownBy(call: Promise<unknown>): Promise<Fault> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (fault: Fault) => fault,
  );
}
